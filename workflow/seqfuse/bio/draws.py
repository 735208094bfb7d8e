"""Which rows of a large split are predicted and scored; both stages draw the same rows."""

from collections.abc import Sequence

import numpy as np


def drawn(labels: Sequence[str | None], most: int | None) -> np.ndarray:
    """At most `most` rows (bool[n]) of a split, drawn with a fixed seed: each label in proportion
    to its share, with at least one row while there is room; all rows if `most` is None.

    The n rows of a label are shuffled and get the places 0, 1/n, ..., (n - 1)/n; the rows with the
    lowest places are drawn.
    """
    random = np.random.default_rng(0)
    shuffled = random.permutation(len(labels))
    _, kinds = np.unique([labels[row] or "" for row in shuffled], return_inverse=True)
    places = np.empty(len(labels))
    for kind in range(kinds.max(initial=-1) + 1):
        rows = np.flatnonzero(kinds == kind)
        places[rows] = np.arange(len(rows)) / len(rows)
    is_drawn = np.zeros(len(labels), bool)
    is_drawn[shuffled[np.argsort(places, kind="stable")[:most]]] = True
    return is_drawn
