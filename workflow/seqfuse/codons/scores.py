"""The validation score, and its resamples: Spearman's correlation for values, else accuracy."""

import numpy as np

from seqfuse.statistics.correlation import spearman


def score(prediction: np.ndarray, target: np.ndarray) -> float:
    """Accuracy of class scores [n, K] for int[n]; Spearman's correlation of values [n, 1] with
    float[n]."""
    return float(resampled(prediction, target, np.ones((1, len(target))))[0])


def resampled(prediction: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`score` of each resample, float64 [R]; `counts` [R, n] says how often each contains a row."""
    if target.dtype.kind == "i":
        return counts @ (prediction.argmax(1) == target) / counts.sum(1)
    return spearman(prediction[:, 0], target, counts)
