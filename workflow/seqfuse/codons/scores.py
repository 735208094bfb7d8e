"""What training watches on validation: Spearman's correlation, or accuracy."""

import numpy as np


def score(prediction: np.ndarray, target: np.ndarray) -> float:
    """Accuracy of scores [n, K] for classes int[n]; Spearman of values [n, 1] with float[n]."""
    if target.dtype.kind == "i":
        return float((prediction.argmax(1) == target).mean())
    return spearman(prediction[:, 0], target)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where x or y is constant."""
    x, y = _ranks(x), _ranks(y)
    spread = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / spread) if spread else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Mean ranks less their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    return middle[inverse] - (len(values) - 1) / 2
