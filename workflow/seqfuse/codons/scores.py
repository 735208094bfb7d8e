"""What training watches on validation, and its resamples: Spearman's correlation, or accuracy."""

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


def resampled(prediction: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`score` of each resample, float64 [R]; `counts` [R, n] says how often it holds each row."""
    if target.dtype.kind == "i":
        return counts @ (prediction.argmax(1) == target) / counts.sum(1)
    x, y = _counted_ranks(prediction[:, 0], counts), _counted_ranks(target, counts)
    spread = np.sqrt((counts * x * x).sum(1) * (counts * y * y).sum(1))
    together = (counts * x * y).sum(1)
    return np.divide(together, spread, out=np.zeros(len(counts)), where=spread > 0)


def _counted_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean ranks less their mean, [R, n], of values that each occur `counts` [R, n] times."""
    _, inverse = np.unique(values, return_inverse=True)
    held = np.zeros((inverse.max() + 1, len(counts)))
    np.add.at(held, inverse, counts.T)
    middle = held.cumsum(0) - held / 2
    return middle[inverse].T - counts.sum(1, keepdims=True) / 2
