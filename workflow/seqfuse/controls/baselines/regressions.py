"""Linear models: logistic regression of classes, ridge regression of values.

Both are scikit-learn's, on features that are standardised by the training rows; features that are
constant there are ignored. A fit returns a function, features [n, f] -> outputs.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import sparray
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# A logistic fit stops when no gradient of the mean loss exceeds this. With a weak penalty,
# scikit-learn's default of 1e-4 is far from the optimum: on the demo, probabilities were off by up
# to 0.8.
_TOLERANCE, _MOST_STEPS = 1e-8, 5000
# There are more words than rows, which makes fits slow, and the default is close enough: from here
# to 1e-8 the mean loss on KEGG's questions changes by less than 0.001.
_TOLERANCE_OF_WORDS = 1e-4
# The log-probability of a class without training rows: unlikely, not impossible.
_ABSENT = np.log(1e-6)


def logistic(
    features: np.ndarray | sparray,
    labels: np.ndarray,
    classes: int,
    strength: float = 1.0,
    words: bool = False,
) -> Callable[[np.ndarray], np.ndarray]:
    """Log-probabilities float64[n, classes] that minimise cross-entropy + |W|^2 / (2 * strength).

    `features` are float64[n, f], `labels` int[n] in 0..classes-1. The cross-entropy is summed over
    rows; W has a column for each class, and the intercept is not penalised. Word counts (`words`)
    are already on one scale and are not standardised.
    """
    present = np.unique(labels)
    if len(present) > 1:
        # For two classes scikit-learn fits the difference of the two columns, whose square is twice
        # the sum of their squares.
        inverse = strength * (2 if len(present) == 2 else 1)
        tolerance = _TOLERANCE_OF_WORDS if words else _TOLERANCE
        model = LogisticRegression(C=inverse, tol=tolerance, max_iter=_MOST_STEPS)
        if not words:
            model = make_pipeline(StandardScaler(), model)
        model.fit(features, labels)

    def log_probabilities(asked: np.ndarray | sparray) -> np.ndarray:
        log_p = np.full((asked.shape[0], classes), _ABSENT)
        if len(present) == 1:
            log_p[:, present] = 0.0
            return log_p
        scores = model.decision_function(asked)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        log_p[:, present] = log_softmax(scores, axis=1)
        return log_p

    return log_probabilities


def ridge(
    features: np.ndarray, target: np.ndarray, strength: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Values float64[n, 1] that minimise |y - Xw - b|^2 + |w|^2 / strength; b is not penalised.

    `features` float64[n, f], `target` float64[n].
    """
    model = make_pipeline(StandardScaler(), Ridge(alpha=1 / strength)).fit(features, target)
    return lambda asked: model.predict(asked)[:, None]
