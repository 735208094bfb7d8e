"""Ridge regression on standardised features, without the import of scikit-learn."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ridge:
    """A fitted model: standardisation, then a linear map; `weights` float64[features]."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: float

    def values(self, features: np.ndarray) -> np.ndarray:
        """Predicted values float64[n, 1] of features[n, features]."""
        return ((features - self.mean) / self.scale @ self.weights + self.intercept)[:, None]


def fit(features: np.ndarray, target: np.ndarray, strength: float) -> Ridge:
    """Minimise |y - Xw - b|^2 + |w|^2 / strength, X standardised; b is not penalised.

    `features` float64[n, f], `target` float64[n]. Constant features are left out.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, np.inf)
    design = (features - mean) / scale
    normal = design.T @ design + np.eye(design.shape[1]) / strength
    weights = np.linalg.solve(normal, design.T @ (target - target.mean()))
    return Ridge(mean, scale, weights, float(target.mean()))
