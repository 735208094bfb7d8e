"""Clusters of scored rows, each of which counts as one sample in intervals and tests, and how well
train knows each row.

Two rows are in one cluster if they share a group (a gene) or `sequence`, if their sequences are
near-duplicates, or if a chain of such pairs joins them. The clustered rows are those of val and
test, and in every split the rows whose label only the sequence decides, which controls predict fold
by fold.

A row of val or test is seen exactly if train has its DNA (reference and variant); nearly, if train
has a near-duplicate of `sequence`, or the same with another variant; homologously, if a chain of
homologues joins its protein to one of train (coding sets); otherwise it is unseen.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.bio import homology, record_batches, sketch
from seqfuse.bio.clusters import joined
from seqfuse.bio.normalise import keys
from seqfuse.bio.proteins import Proteins, ProteinSearch
from seqfuse.registry.subsets import SEEN

HELD_OUT = ("val", "test")
# With more distinct sequences, near-duplicates are not searched for: the time grows quadratically.
MOST = 100_000
# The audit warns if train knows more than this share of the rows.
_SHARE = 0.01


def write(records: Path, out: Path, most: int = MOST, coding: ProteinSearch | None = None) -> dict:
    """Write the table `CLUSTERS`. Returns the numbers of clusters (`independent`) and groups in val
    and test, the number of distinct scored sequences, whether near-duplicates were searched for,
    how many rows train has `seen`, and the search that found `homologues`."""
    rows = _Rows(most, Proteins(coding) if coding else None)
    columns = ("id", "split", "sequence", "variant", "group", "subset")
    for batch in record_batches.read(records, pa.schema([tables.CLEAN.field(c) for c in columns])):
        rows.add(batch)
    ids, splits, groups, sequences = rows.scored()
    contents = [groups, sequences]
    if rows.tested.sketches is not None and len(sequences):
        contents.append(sketch.clusters(rows.tested.sketched())[sequences])
    cluster = joined(contents)
    seen = rows.seen()
    columns = {"id": ids, "cluster": cluster, "seen": pa.array(seen, pa.string())}
    tables.write(out, pa.table(columns, schema=tables.CLUSTERS), tables.CLUSTERS)
    grouped = joined([groups])
    of_split = {name: splits == name for name in HELD_OUT}
    return {
        "independent": {name: len(np.unique(cluster[rows])) for name, rows in of_split.items()},
        "groups": {name: len(np.unique(grouped[rows])) for name, rows in of_split.items()},
        "sequences": rows.tested.count,
        "near_duplicates": rows.tested.sketches is not None,
        "seen": {
            name: {kind: n for kind in SEEN if (n := Counter(seen[where])[kind])}
            for name, where in of_split.items()
        },
        "homologues": homology.described(coding.search) if coding else None,
    }


def warnings(clustered: dict) -> list[str]:
    """What a reader of intervals should know about the result of `write`."""
    lines = []
    if not clustered["near_duplicates"]:
        lines.append(
            f"near-duplicates among the {clustered['sequences']:,} distinct scored sequences were"
            f" not searched for (more than {MOST:,}): intervals treat them as independent samples"
        )
    for name, counts in clustered["seen"].items():
        homologous, total = counts.get("seen_homologously", 0), sum(counts.values())
        if homologous > _SHARE * total:
            lines.append(
                f"{homologous} of {total} rows of {name} have a homologous protein in train, by"
                f" {clustered['homologues']['method']}"
            )
    return lines


class _Distinct:
    """Distinct sequences, numbered as they appear, with the sketch of each unless there are more
    than `most`."""

    def __init__(self, most: int):
        self.most = most
        self.numbers: dict[int, int] = {}
        self.sketches: list[np.ndarray] | None = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def add(self, column: pa.Array) -> list[int]:
        """The number of each sequence of a column; new ones get the next numbers."""
        before = self.count
        here = [self.numbers.setdefault(key, self.count) for key in keys(column).tolist()]
        # The first row of each number; only the new ones are sketched.
        first = dict(zip(reversed(here), reversed(range(len(here))), strict=True))
        new = [first[number] for number in range(before, self.count)]
        if self.count > self.most:
            self.sketches = None
        elif self.sketches is not None:
            self.sketches.append(sketch.sketches(column.take(pa.array(new, pa.int64()))))
        return here

    def sketched(self) -> np.ndarray:
        """The sketches: uint32[count, SIZE], or [0, SIZE] if there are none."""
        empty = np.empty((0, sketch.SIZE), np.uint32)
        return np.concatenate([empty, *(self.sketches or [])])


class _Rows:
    """All rows of a table: the sequences of its scored rows, and those of train."""

    def __init__(self, most: int, proteins: Proteins | None):
        self.tested, self.trained = _Distinct(most), _Distinct(most)
        self.proteins = proteins
        self.ids: list[pa.Array] = []
        self.groups: dict[str, int] = {}
        # Lists of arrays, over all rows; `group` and `sequence` over the scored rows only.
        self.split, self.is_scored, self.dna, self.group, self.sequence = ([] for _ in range(5))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        decided = pc.fill_null(pc.equal(batch["subset"], "sequence_decides"), False)
        train = pc.equal(batch["split"], "train")
        scored = pc.or_(pc.invert(train), decided)
        self.split.append(np.array(batch["split"].to_pylist(), object))
        self.is_scored.append(scored.to_numpy(zero_copy_only=False))
        self.dna.append(keys(batch["sequence"], batch["variant"]))
        if self.proteins:
            self.proteins.add(batch["sequence"])
        self.trained.add(batch["sequence"].filter(train))
        batch = batch.filter(scored)
        self.ids.append(batch["id"])
        self.sequence.append(np.array(self.tested.add(batch["sequence"]), np.int64))
        number = [
            -1 if group is None else self.groups.setdefault(group, len(self.groups))
            for group in batch["group"].to_pylist()
        ]
        self.group.append(np.array(number, np.int64))

    def scored(self) -> tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray]:
        """Ids, splits, group numbers (-1 without a group) and sequence numbers of scored rows."""
        split = np.concatenate(self.split)[np.concatenate(self.is_scored)]
        groups, sequences = np.concatenate(self.group), np.concatenate(self.sequence)
        return pa.concat_arrays(self.ids), split, groups, sequences

    def seen(self) -> np.ndarray:
        """How well train knows each scored row (text); None for rows of train, and where
        near-duplicates were not searched for."""
        split, scored = np.concatenate(self.split), np.concatenate(self.is_scored)
        dna, train = np.concatenate(self.dna), split == "train"
        sequence = np.concatenate(self.sequence)
        known = np.array([key in self.trained.numbers for key in self.tested.numbers], bool)
        complete = self.tested.sketches is not None and self.trained.sketches is not None
        if complete and self.tested.count:
            pool = self.trained.sketched()
            none = np.full(self.tested.count, -1)
            known |= sketch.near(self.tested.sketched(), pool, none) if len(pool) else False
        kinds = np.full(len(sequence), "unseen" if complete else None, dtype=object)
        if self.proteins:
            cluster = self.proteins.clusters()
            kinds[np.isin(cluster, cluster[train])[scored]] = "seen_homologously"
        kinds[known[sequence]] = "seen_nearly"
        kinds[np.isin(dna, dna[train])[scored]] = "seen_exactly"
        kinds[train[scored]] = None
        return kinds
