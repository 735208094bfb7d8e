"""Seeded splits of given sizes: by rows, random, group-disjoint or cluster-disjoint.

Each takes one 64-bit key a row, and rows with equal keys stay together. A random split therefore
keeps equal sequences on one side; a split by rows does not, to show how much that leak is worth.
"""

import numpy as np

SPLITS = ("train", "val", "test")


def assign(keys: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """The split of every row (text [n]), with sizes as close to `shares` as `keys` (int[n]) allow.

    Keys come in a seeded random order; a key goes to the split in which its middle row falls.
    """
    distinct, key_of, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(distinct))
    middles = np.empty(len(distinct))
    middles[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    borders = np.cumsum(list(shares.values())) * len(keys) / sum(shares.values())
    names = np.array(list(shares), dtype=object)
    return names[np.searchsorted(borders[:-1], middles, side="right")[key_of]]


def repeated(contents: np.ndarray, split: np.ndarray, kept: np.ndarray, policy: str) -> np.ndarray:
    """Which rows are dropped as duplicates (bool[n]): rows with one content key hold one record.

    "drop" and "mean" keep the first row; "drop_across_splits" keeps the rows of the first split in
    the order train, val, test. Rows that are rejected anyway (`kept` False) are ignored.
    """
    if policy == "keep":
        return np.zeros(len(contents), bool)
    rank = np.searchsorted(np.array(sorted(SPLITS)), split.astype(str))
    rank = np.array([SPLITS.index(name) for name in sorted(SPLITS)])[rank]
    rows = np.flatnonzero(kept)
    if policy in ("drop", "mean"):
        first = np.unique(contents[rows], return_index=True)[1]
        gone = np.ones(len(rows), bool)
        gone[first] = False
    else:
        order = np.lexsort((rank[rows], contents[rows]))
        distinct, first = np.unique(contents[rows][order], return_index=True)
        best = rank[rows][order][first]
        gone = rank[rows] > best[np.searchsorted(distinct, contents[rows])]
    dropped = np.zeros(len(contents), bool)
    dropped[rows[gone]] = True
    return dropped


def in_one_group(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The rows (bool[n]) whose label occurs in one group only, so that no other could teach it."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    return np.isin(labels, names[counts == 1])


def taught(groups: np.ndarray, labels: np.ndarray, split: np.ndarray) -> np.ndarray:
    """`split` with groups moved to train until train holds every label.

    For a label that train lacks, the group with most of its rows moves (the smallest key in a tie).
    """
    split = split.copy()
    for label in np.unique(labels):
        here = labels == label
        if not (split[here] == "train").any():
            names, counts = np.unique(groups[here], return_counts=True)
            split[groups == names[counts.argmax()]] = "train"
    return split


def undrawn(split: np.ndarray, kept: np.ndarray, most: dict[str, int], seed: int) -> np.ndarray:
    """Which rows a draw leaves out (bool[n]): every split in `most` keeps that many random rows.

    Rows that are rejected anyway (`kept` False) are ignored.
    """
    left_out = np.zeros(len(split), bool)
    for name, rows in most.items():
        here = np.flatnonzero(kept & (split == name))
        left_out[np.random.default_rng(seed).permutation(here)[rows:]] = True
    return left_out
