"""What a dictionary scores without reading a sequence, or by recognising copies of one.

Plain counting over 64-bit keys. A lookup learns from train; a key that train does not hold gets the
fallback (the commonest label, or the mean). Ties go to the label that is more frequent in train,
then to the one that comes first there.
"""

import numpy as np


def ranked(labels: np.ndarray) -> np.ndarray:
    """The distinct labels of train (keys), the most frequent first, ties in order of appearance."""
    distinct, first, counts = np.unique(labels, return_index=True, return_counts=True)
    return distinct[np.lexsort((first, -counts))]


def commonest(keys: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distinct keys ascending, the commonest label of each)."""
    order = ranked(labels)
    by_key = np.argsort(order)
    code = by_key[np.searchsorted(order[by_key], labels)]  # 0 is the most frequent label
    pairs, counts = np.unique(np.stack([keys, code.astype(np.uint64)]), axis=1, return_counts=True)
    best = np.lexsort((pairs[1], -counts, pairs[0]))
    distinct, first = np.unique(pairs[0][best], return_index=True)
    return distinct, order[pairs[1][best][first].astype(np.int64)]


def means(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distinct keys ascending, the mean value of each)."""
    distinct, group, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return distinct, np.bincount(group, weights=values) / counts


def answer(table: tuple[np.ndarray, np.ndarray], keys: np.ndarray, fallback):
    """(what the table says for each key, or the fallback; whether the table holds the key)."""
    known, answers = table
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    seen = known[place] == keys
    return np.where(seen, answers[place], fallback), seen
