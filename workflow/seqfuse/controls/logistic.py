"""Multinomial logistic regression with an L2 penalty, as scikit-learn's, without its import."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize


@dataclass(frozen=True)
class Logistic:
    """A fitted model: standardisation, then a linear map to class scores.

    `mean` and `scale` float64[features], `weights` float64[features + 1, classes]; its last row is
    the intercept, which is not penalised.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Log-probabilities float64[n, classes] of features[n, features]."""
        return _log_softmax(_design(features, self.mean, self.scale) @ self.weights)


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    strength: float = 1.0,
    start: np.ndarray | None = None,
) -> Logistic:
    """Minimise summed cross-entropy + |W|^2 / (2 * strength) on standardised features.

    `features` float64[n, f], `labels` int[n] in 0..classes-1. Constant features are left out. A
    `start` near the solution, such as another strength's weights, saves steps.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, np.inf)
    design = _design(features, mean, scale)
    target = np.eye(classes)[labels]
    penalty = np.full((design.shape[1], 1), 1 / strength)
    penalty[-1] = 0.0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(-1, classes)
        log_p = _log_softmax(design @ weights)
        value = -(target * log_p).sum() + 0.5 * (penalty * weights**2).sum()
        return value, (design.T @ (np.exp(log_p) - target) + penalty * weights).ravel()

    start = np.zeros((design.shape[1], classes)) if start is None else start
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return Logistic(mean, scale, found.x.reshape(-1, classes))


def _design(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    standard = (features - mean) / scale
    return np.concatenate([standard, np.ones((len(features), 1))], axis=1)


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
