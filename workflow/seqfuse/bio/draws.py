"""Which rows of a large split are predicted and scored: prediction and evaluation draw the same."""

from collections.abc import Sequence

import numpy as np


def drawn(labels: Sequence[str | None], most: int | None) -> np.ndarray:
    """At most `most` rows (bool[n]) of a split, drawn with a fixed seed: each label by its share,
    and at least one row of each while there is room; all rows where `most` is None.

    The rows of a label come in a random order and have the places 0, 1/n, ..., (n - 1)/n of its n
    rows; those with the lowest places are drawn.
    """
    random = np.random.default_rng(0)
    shuffled = random.permutation(len(labels))
    _, kinds = np.unique([labels[row] or "" for row in shuffled], return_inverse=True)
    places = np.empty(len(labels))
    for kind in range(kinds.max(initial=-1) + 1):
        rows = np.flatnonzero(kinds == kind)
        places[rows] = np.arange(len(rows)) / len(rows)
    found = np.zeros(len(labels), bool)
    found[shuffled[np.argsort(places, kind="stable")[:most]]] = True
    return found
