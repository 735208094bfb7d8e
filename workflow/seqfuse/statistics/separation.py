"""How far two kinds of vectors lie apart: the gap between DNA and text in one space."""

import numpy as np

from seqfuse.statistics import linear_probes


def gap(one: np.ndarray, other: np.ndarray) -> float:
    """The distance of the centroids of float[n, D] and float[m, D] over the spread around them: the
    root of the mean squared distance from a vector to the centroid of its own kind."""
    centres = one.mean(0), other.mean(0)
    squares = [
        ((part - centre) ** 2).sum(1) for part, centre in zip((one, other), centres, strict=True)
    ]
    spread = np.sqrt(np.concatenate(squares).mean())
    return float(np.linalg.norm(centres[0] - centres[1]) / spread) if spread else np.inf


def separable(one: np.ndarray, other: np.ndarray, folds: int = 5) -> float:
    """The accuracy of a linear separator of two kinds of vectors [n, D], of which each row is a
    pair: 0.5 is chance."""
    pairs = np.tile(np.arange(len(one)), 2)
    kinds = np.repeat(["one", "other"], len(one))
    fold = np.random.default_rng(0).permutation(len(one))[pairs] % folds
    said = linear_probes.predicted(np.concatenate([one, other]), kinds, fold)
    return float((said == kinds).mean())
