"""Makers of splits: by rows, random, group-disjoint, cluster-disjoint; seeded, of given sizes.

Each works on one 64-bit key a row. Rows of one key stay together, so that a random split keeps
equal sequences on one side; a split by rows does not, which shows what that leak is worth.
"""

import numpy as np

SPLITS = ("train", "val", "test")


def assign(found: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """The split of every row (text), with as close to `shares` of the rows as keys allow.

    Keys come in a seeded random order; a key goes to the split in which its middle row falls.
    """
    distinct, key_of, sizes = np.unique(found, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(distinct))
    middles = np.empty(len(distinct))
    middles[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    borders = np.cumsum(list(shares.values())) * len(found) / sum(shares.values())
    names = np.array(list(shares), dtype=object)
    return names[np.searchsorted(borders[:-1], middles, side="right")[key_of]]


def repeated(contents: np.ndarray, split: np.ndarray, kept: np.ndarray, policy: str) -> np.ndarray:
    """Which rows go as duplicates (bool): the rows of one content key hold the same record.

    "drop" and "mean" keep the first row; "drop_across_splits" those of the first split in the order
    train, val, test. Rows that are rejected anyway (`kept` False) count for nothing.
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
    found = np.zeros(len(contents), bool)
    found[rows[gone]] = True
    return found


def in_one_group(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The rows (bool) whose label a single group holds: no other group could teach it."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    return np.isin(labels, names[counts == 1])


def taught(groups: np.ndarray, labels: np.ndarray, split: np.ndarray) -> np.ndarray:
    """`split` with groups moved to train until train holds every label.

    Of a label that train misses, the group with most of its rows goes, the smallest key at ties.
    """
    split = split.copy()
    for label in np.unique(labels):
        here = labels == label
        if not (split[here] == "train").any():
            names, counts = np.unique(groups[here], return_counts=True)
            split[groups == names[counts.argmax()]] = "train"
    return split


def undrawn(split: np.ndarray, kept: np.ndarray, most: dict[str, int], seed: int) -> np.ndarray:
    """Which rows a draw leaves out (bool): of every split in `most`, all but that many, at random.

    Rows that are rejected anyway (`kept` False) count for nothing.
    """
    found = np.zeros(len(split), bool)
    for name, rows in most.items():
        here = np.flatnonzero(kept & (split == name))
        found[np.random.default_rng(seed).permutation(here)[rows:]] = True
    return found
