"""Spearman's correlation of rows that count once, several times or not at all.

The correlation with a constant is 0 here, not NaN.
"""

import numpy as np


class Ranking:
    """The ranks of one variable under row weights; ties get their mean rank."""

    def __init__(self, values: np.ndarray):
        """Sort `values` float[n] once, for any number of weightings."""
        _, self._tie = np.unique(values, return_inverse=True)
        self._order = np.argsort(self._tie, kind="stable")
        self._last = np.flatnonzero(np.diff(self._tie[self._order], append=-1))

    def centred(self, weights: np.ndarray) -> np.ndarray:
        """Mid-ranks minus their mean, float64[b, n], of rows repeated `weights`[b, n] times."""
        through = np.cumsum(weights[:, self._order], axis=1, dtype=np.float64)[:, self._last]
        ranks = through.copy()
        ranks[:, 1:] += through[:, :-1]
        ranks -= through[:, -1:]
        ranks *= 0.5
        return ranks[:, self._tie]


def weighted_spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's correlation float64[b] from centred ranks `x`, `y` and `weights`, each [b, n]."""
    weighted_x, weighted_y = weights * x, weights * y
    return correlation(
        np.einsum("bn,bn->b", weighted_x, y),
        np.einsum("bn,bn->b", weighted_x, x),
        np.einsum("bn,bn->b", weighted_y, y),
    )


def spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Spearman's correlation float64[b] of `x` float[n] with `y` float[n].

    Rows count `weights` [b, n] times; without weights, each counts once and b = 1.
    """
    weights = np.ones((1, len(x))) if weights is None else weights
    return weighted_spearman(Ranking(x).centred(weights), Ranking(y).centred(weights), weights)


def correlation(covariance: np.ndarray, spread_x: np.ndarray, spread_y: np.ndarray) -> np.ndarray:
    """Covariance over the root of both spreads, clipped to [-1, 1]; 0 if a spread is 0."""
    below = np.sqrt(spread_x * spread_y)
    ratio = np.divide(covariance, below, out=np.zeros(np.shape(below)), where=below != 0)
    return np.clip(ratio, -1.0, 1.0)
