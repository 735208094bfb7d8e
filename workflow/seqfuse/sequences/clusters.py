"""Clusters of the rows that are scored, which intervals and tests count as one sample, and how well
train knows each row.

Rows are in one cluster that share a group (a gene), share `sequence`, or have near-duplicates for
sequences, and rows that a chain of these joins: the coarsest that is known. Clustered are the rows
of val and test, and of every split those that only the sequence decides, which controls predict
fold by fold.

A row of val or test is seen exactly if train has its DNA (reference and variant); nearly, if train
has a near-duplicate of `sequence`, or the same with another variant; homologously, if a chain of
homologues joins its protein to one of train (coding sets); and else unseen.
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
# Distinct sequences whose near-duplicates are looked for, in time that grows with the square.
MOST = 100_000
# A share of rows that train knows beyond which the audit warns.
_SHARE = 0.01


def write(records: Path, out: Path, most: int = MOST, coding: ProteinSearch | None = None) -> dict:
    """Write `CLUSTERS`; say how many clusters (`independent`) and groups val and test have, how
    many distinct sequences are scored, whether near-duplicates were looked for, how many rows train
    has `seen`, and by what search `homologues` were found."""
    rows = _Rows(most, Proteins(coding) if coding else None)
    columns = ("id", "split", "sequence", "variant", "group", "subset")
    for batch in record_batches.read(records, pa.schema([tables.CLEAN.field(c) for c in columns])):
        rows.add(batch)
    ids, splits, groups, sequences = rows.scored()
    contents = [groups, sequences]
    if rows.asked.sketches is not None and len(sequences):
        contents.append(sketch.clusters(rows.asked.sketched())[sequences])
    cluster = joined(contents)
    seen = rows.seen()
    columns = {"id": ids, "cluster": cluster, "seen": pa.array(seen, pa.string())}
    tables.write(out, pa.table(columns, schema=tables.CLUSTERS), tables.CLUSTERS)
    grouped = joined([groups])
    of_split = {name: splits == name for name in HELD_OUT}
    return {
        "independent": {name: len(np.unique(cluster[rows])) for name, rows in of_split.items()},
        "groups": {name: len(np.unique(grouped[rows])) for name, rows in of_split.items()},
        "sequences": rows.asked.count,
        "near_duplicates": rows.asked.sketches is not None,
        "seen": {
            name: {kind: n for kind in SEEN if (n := Counter(seen[where])[kind])}
            for name, where in of_split.items()
        },
        "homologues": homology.described(coding.search) if coding else None,
    }


def warnings(found: dict) -> list[str]:
    """What of `write` a reader of intervals should know."""
    said = []
    if not found["near_duplicates"]:
        said.append(
            f"near-duplicates among the {found['sequences']:,} distinct sequences that are scored"
            f" were not looked for (more than {MOST:,}): intervals take them for independent"
            " samples"
        )
    for name, counts in found["seen"].items():
        homologous, total = counts.get("seen_homologously", 0), sum(counts.values())
        if homologous > _SHARE * total:
            said.append(
                f"{homologous} of {total} rows of {name} have a homologous protein in train, by"
                f" {found['homologues']['method']}"
            )
    return said


class _Distinct:
    """Distinct sequences, numbered as they appear, and the sketch of each unless they are over
    `most`."""

    def __init__(self, most: int):
        self.most = most
        self.numbers: dict[int, int] = {}
        self.sketches: list[np.ndarray] | None = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def add(self, column: pa.Array) -> list[int]:
        """The number of each of some sequences."""
        before = self.count
        found = keys(column).tolist()
        here = [self.numbers.setdefault(key, self.count) for key in found]
        # The first row of each sequence that was not known before.
        first = dict(zip(reversed(here), reversed(range(len(here))), strict=True))
        new = [first[number] for number in range(before, self.count)]
        if self.count > self.most:
            self.sketches = None
        elif self.sketches is not None:
            self.sketches.append(sketch.sketches(column.take(pa.array(new, pa.int64()))))
        return here

    def sketched(self) -> np.ndarray:
        """The sketches uint32[count, SIZE], where there are any."""
        empty = np.empty((0, sketch.SIZE), np.uint32)
        return np.concatenate([empty, *(self.sketches or [])])


class _Rows:
    """All rows of a table: what is scored of them, and what train holds."""

    def __init__(self, most: int, proteins: Proteins | None):
        self.asked, self.trained = _Distinct(most), _Distinct(most)
        self.proteins = proteins
        self.ids: list[pa.Array] = []
        self.groups: dict[str, int] = {}
        # A list of arrays each, over all rows; sequences and groups over those that are scored.
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
        self.sequence.append(np.array(self.asked.add(batch["sequence"]), np.int64))
        number = [
            -1 if group is None else self.groups.setdefault(group, len(self.groups))
            for group in batch["group"].to_pylist()
        ]
        self.group.append(np.array(number, np.int64))

    def scored(self) -> tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray]:
        """The ids and splits of the rows that are scored; the numbers of their groups (-1 without
        one) and of their sequences."""
        split = np.concatenate(self.split)[np.concatenate(self.is_scored)]
        groups, sequences = np.concatenate(self.group), np.concatenate(self.sequence)
        return pa.concat_arrays(self.ids), split, groups, sequences

    def seen(self) -> np.ndarray:
        """How well train knows each row that is scored (text); None for rows of train, and where it
        was not looked for."""
        split, scored = np.concatenate(self.split), np.concatenate(self.is_scored)
        dna, train = np.concatenate(self.dna), split == "train"
        sequence = np.concatenate(self.sequence)
        known = np.array([key in self.trained.numbers for key in self.asked.numbers], bool)
        complete = self.asked.sketches is not None and self.trained.sketches is not None
        if complete and self.asked.count:
            pool = self.trained.sketched()
            none = np.full(self.asked.count, -1)
            known |= sketch.near(self.asked.sketched(), pool, none) if len(pool) else False
        found = np.full(len(sequence), "unseen" if complete else None, dtype=object)
        if self.proteins:
            cluster = self.proteins.clusters()
            found[np.isin(cluster, cluster[train])[scored]] = "seen_homologously"
        found[known[sequence]] = "seen_nearly"
        found[np.isin(dna, dna[train])[scored]] = "seen_exactly"
        found[train[scored]] = None
        return found
