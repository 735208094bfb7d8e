"""Linear models: logistic regression of classes, ridge regression of values.

Both are scikit-learn's, on features that are standardised by the rows that are fitted; those that
do not vary there are ignored. A fit returns its prediction, features [n, f] -> outputs.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import sparray
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# A logistic fit stops where no gradient of the mean loss is larger. scikit-learn's default of 1e-4
# is far from the optimum of a weak penalty: on the demo, probabilities were off by up to 0.8.
_TOLERANCE, _MOST_STEPS = 1e-8, 5000
# Of words, of which there are more than rows, no more is worth its time: from here to 1e-8 the mean
# loss on KEGG's questions changes by less than 0.001.
_TOLERANCE_OF_WORDS = 1e-4
# Log-probability of a class that no fitted row has: unlikely, not impossible.
_ABSENT = np.log(1e-6)


def logistic(
    features: np.ndarray | sparray,
    labels: np.ndarray,
    classes: int,
    strength: float = 1.0,
    words: bool = False,
) -> Callable[[np.ndarray], np.ndarray]:
    """Log-probabilities float64[n, classes] that minimise cross-entropy + |W|^2 / (2 * strength).

    `features` float64[n, f], `labels` int[n] in 0..classes-1. The cross-entropy is summed over
    rows; W has a column for each class, and the intercept is not penalised. Features that count
    `words` have one scale already and are not standardised.
    """
    present = np.unique(labels)
    if len(present) > 1:
        # Of two classes scikit-learn fits the difference of the columns, whose square is twice
        # the sum of theirs.
        inverse = strength * (2 if len(present) == 2 else 1)
        tolerance = _TOLERANCE_OF_WORDS if words else _TOLERANCE
        model = LogisticRegression(C=inverse, tol=tolerance, max_iter=_MOST_STEPS)
        if not words:
            model = make_pipeline(StandardScaler(), model)
        model.fit(features, labels)

    def log_probabilities(asked: np.ndarray | sparray) -> np.ndarray:
        found = np.full((asked.shape[0], classes), _ABSENT)
        if len(present) == 1:
            found[:, present] = 0.0
            return found
        scores = model.decision_function(asked)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        found[:, present] = log_softmax(scores, axis=1)
        return found

    return log_probabilities


def ridge(
    features: np.ndarray, target: np.ndarray, strength: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Values float64[n, 1] that minimise |y - Xw - b|^2 + |w|^2 / strength; b is not penalised.

    `features` float64[n, f], `target` float64[n].
    """
    model = make_pipeline(StandardScaler(), Ridge(alpha=1 / strength)).fit(features, target)
    return lambda asked: model.predict(asked)[:, None]
