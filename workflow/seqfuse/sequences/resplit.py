"""Splitting a set anew: collects, batch by batch, what keeps rows together."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.bio import clusters, sketch
from seqfuse.bio.normalise import keys
from seqfuse.bio.proteins import Proteins, ProteinSearch
from seqfuse.bio.reading.bad_rows import place
from seqfuse.bio.splits import SPLITS, assign, in_one_group, taught
from seqfuse.errors import UserError


class Collector:
    """Collects, batch by batch, what a split depends on; `assign` then makes it.

    A group-disjoint split leaves out the rows in `left_out`, and has every other label in train.
    """

    def __init__(self, method: str, records: Path, coding: ProteinSearch | None = None):
        self.method, self.records = method, records
        self.proteins = Proteins(coding) if coding and method == "cluster" else None
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
                row = batch["group"].is_null().to_pylist().index(True)
                file, line, name = (batch[c][row].as_py() for c in ("file", "line", "id"))
                row += sum(map(len, self.official)) - len(batch)
                raise UserError(
                    f"{place(file, line, row, name, self.records)}: no group, and split_by is"
                    " group; fill it in, or name a column, columns: {group: ...}, or a"
                    " group_pattern in the dataset's entry"
                )
            self.keys.append(keys(batch["group"]))
            self.labels.append(keys(batch["label"]))
            self.labelled &= batch["label"].null_count == 0
        elif self.method == "random":
            self.keys.append(keys(batch["sequence"], batch["variant"]))
        elif self.method == "cluster":
            self.keys.append(keys(batch["sequence"]))
            self.sketches.append(sketch.sketches(batch["sequence"]))
            if self.proteins:
                self.proteins.add(batch["sequence"])

    def assign(self, seed: int, coding: bool = True) -> np.ndarray:
        """The split of every row (text), in the sizes of the official one. Proteins join clusters
        only if the rows are `coding`."""
        official = np.concatenate(self.official)
        if self.method == "official":
            return official
        shares = {name: float((official == name).sum()) for name in SPLITS}
        together = self._together(len(official), coding)
        usable, split = ~self.left_out(), official.copy()
        split[usable] = assign(together[usable], shares, seed)
        if self.method == "group" and self.labelled:
            labels = np.concatenate(self.labels)
            split[usable] = taught(together[usable], labels[usable], split[usable])
        self._refuse_empty(
            together[usable], [name for name in SPLITS if shares[name]], split[usable]
        )
        return split

    def _together(self, rows: int, coding: bool) -> np.ndarray:
        """A number a row; rows that share it stay together."""
        if self.method == "rows":
            return np.arange(rows)
        if self.method == "cluster":
            near = sketch.clusters(np.concatenate(self.sketches))
            # Equal sequences are near-duplicates even if they are too short for a sketch.
            _, first, row = np.unique(
                np.concatenate(self.keys), return_index=True, return_inverse=True
            )
            near = near[first[row]]
            if self.proteins and coding:
                return clusters.joined([near, self.proteins.clusters()])
            return near
        return np.concatenate(self.keys)

    def _refuse_empty(self, together: np.ndarray, wanted: list[str], split: np.ndarray) -> None:
        """Stop if a split stays empty because too many rows have to stay together."""
        empty = [name for name in wanted if not (split == name).any()]
        if empty:
            sizes = np.unique(together, return_counts=True)[1]
            groups = "1 group" if len(sizes) == 1 else f"{len(sizes)} groups"
            raise UserError(
                f"{self.records}: split_by {self.method} leaves no row in {' and '.join(empty)}:"
                f" its {len(together)} rows stay together in {groups}, the largest of {sizes.max()}"
                " rows; keep the official split, or choose another `split_by`"
                + ", or set `homologues: none` if the set is about one protein"
                * bool(self.proteins)
            )

    def left_out(self) -> np.ndarray:
        """The rows (bool) that a group-disjoint split cannot test: one group has their label."""
        if self.method != "group" or not self.labelled:
            return np.zeros(sum(map(len, self.official)), bool)
        return in_one_group(np.concatenate(self.keys), np.concatenate(self.labels))
