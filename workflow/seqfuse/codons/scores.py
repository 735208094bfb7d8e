"""What training watches on validation, and its resamples: Spearman's correlation, or accuracy."""

import numpy as np

from seqfuse.statistics.correlation import spearman


def score(prediction: np.ndarray, target: np.ndarray) -> float:
    """Accuracy of scores [n, K] for classes int[n]; Spearman of values [n, 1] with float[n]."""
    return float(resampled(prediction, target, np.ones((1, len(target))))[0])


def resampled(prediction: np.ndarray, target: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`score` of each resample, float64 [R]; `counts` [R, n] says how often it holds each row."""
    if target.dtype.kind == "i":
        return counts @ (prediction.argmax(1) == target) / counts.sum(1)
    return spearman(prediction[:, 0], target, counts)
