"""How far apart two kinds of vectors lie, such as DNA and text in one embedding space."""

import numpy as np

from seqfuse.statistics import linear_probes


def gap(one: np.ndarray, other: np.ndarray) -> float:
    """The distance between the centroids of float[n, D] and float[m, D], divided by the spread:
    the root mean square distance of a vector from the centroid of its own kind."""
    centres = one.mean(0), other.mean(0)
    squares = [
        ((part - centre) ** 2).sum(1) for part, centre in zip((one, other), centres, strict=True)
    ]
    spread = np.sqrt(np.concatenate(squares).mean())
    return float(np.linalg.norm(centres[0] - centres[1]) / spread) if spread else np.inf


def separable(one: np.ndarray, other: np.ndarray, folds: int = 5) -> float:
    """The cross-validated accuracy of a linear separator of two kinds of vectors, each [n, D].

    Row i of `one` and row i of `other` are a pair, which is kept in one fold. 0.5 is chance.
    """
    pairs = np.tile(np.arange(len(one)), 2)
    kinds = np.repeat(["one", "other"], len(one))
    fold = np.random.default_rng(0).permutation(len(one))[pairs] % folds
    predicted = linear_probes.predicted(np.concatenate([one, other]), kinds, fold)
    return float((predicted == kinds).mean())
