"""Makers of splits: by rows, random, group-disjoint, cluster-disjoint; seeded, of given sizes.

Each works on one 64-bit key a row. Rows of one key stay together, so that a random split keeps
equal sequences on one side; a split by rows does not, which shows what that leak is worth.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.bio import sketch
from seqfuse.bio.normalise import keys
from seqfuse.errors import UserError

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

    "drop" keeps the first row; "drop_across_splits" those of the first split in the order train,
    val, test. Rows that are rejected anyway (`kept` False) count for nothing.
    """
    if policy == "keep":
        return np.zeros(len(contents), bool)
    rank = np.searchsorted(np.array(sorted(SPLITS)), split.astype(str))
    rank = np.array([SPLITS.index(name) for name in sorted(SPLITS)])[rank]
    rows = np.flatnonzero(kept)
    if policy == "drop":
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


class Collector:
    """Collects, batch by batch, what a split is made of; `assign` then makes it.

    A group-disjoint split leaves out the rows of `left_out`, and has every other label in train.
    """

    def __init__(self, method: str, records: Path):
        self.method, self.records = method, records
        self.official: list[np.ndarray] = []
        self.keys: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.labelled = True
        self.sketches: list[np.ndarray] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch of cleaned records."""
        self.official.append(np.array(batch["split"].to_pylist(), dtype=object))
        if self.method == "group":
            if batch["group"].null_count:
                row = sum(map(len, self.official)) - len(batch) + _first_null(batch["group"]) + 1
                raise UserError(
                    f"{self.records}: row {row} has no group, and split_by is group; name a group "
                    "column or a group_pattern in the dataset's entry"
                )
            self.keys.append(keys(batch["group"]))
            self.labels.append(keys(batch["label"]))
            self.labelled &= batch["label"].null_count == 0
        elif self.method == "random":
            self.keys.append(keys(batch["sequence"], batch["variant"]))
        elif self.method == "cluster":
            self.sketches.append(sketch.sketches(batch["sequence"]))

    def assign(self, seed: int) -> np.ndarray:
        """The split of every row (text), of the official sizes."""
        official = np.concatenate(self.official)
        if self.method == "official":
            return official
        shares = {name: float((official == name).sum()) for name in SPLITS}
        found = self._together(len(official))
        asked, split = ~self.left_out(), official.copy()
        split[asked] = assign(found[asked], shares, seed)
        if self.method == "group" and self.labelled:
            labels = np.concatenate(self.labels)
            split[asked] = taught(found[asked], labels[asked], split[asked])
        self._refuse_empty(found[asked], [name for name in SPLITS if shares[name]], split[asked])
        return split

    def _together(self, rows: int) -> np.ndarray:
        """A number a row; rows that share it stay together."""
        if self.method == "rows":
            return np.arange(rows)
        if self.method == "cluster":
            return sketch.clusters(np.concatenate(self.sketches))
        return np.concatenate(self.keys)

    def _refuse_empty(self, found: np.ndarray, wanted: list[str], split: np.ndarray) -> None:
        """Stop where rows that stay together are too many for every split to get some."""
        empty = [name for name in wanted if not (split == name).any()]
        if empty:
            sizes = np.unique(found, return_counts=True)[1]
            raise UserError(
                f"{self.records}: split_by {self.method} leaves no row in {' and '.join(empty)}:"
                f" its {len(found)} rows make {len(sizes)} that stay together, of which the largest"
                f" has {sizes.max()}; keep the official split, or choose another `split_by`"
            )

    def left_out(self) -> np.ndarray:
        """The rows (bool) that a group-disjoint split cannot ask: their label has one group."""
        if self.method != "group" or not self.labelled:
            return np.zeros(sum(map(len, self.official)), bool)
        return in_one_group(np.concatenate(self.keys), np.concatenate(self.labels))


def _first_null(column: pa.Array) -> int:
    return column.is_null().to_pylist().index(True)
