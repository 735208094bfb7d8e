"""Clusters of the rows that are scored: what intervals and tests count as one sample.

Rows are in one cluster that share a group (a gene), share `sequence`, or have near-duplicates for
sequences, and rows that a chain of these joins: the coarsest that is known. Clustered are the rows
of val and test, and of every split those that only the sequence decides, which controls predict
fold by fold.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.bio import record_batches, sketch
from seqfuse.bio.normalise import keys

# Distinct sequences whose near-duplicates are looked for, in time that grows with the square.
MOST = 100_000


def write(records: Path, out: Path, most: int = MOST) -> dict:
    """Write `CLUSTERS`; say how many clusters (`independent`) and groups val and test have, how
    many distinct sequences are scored, and whether near-duplicates were looked for."""
    ids, splits, groups, sequences, sketches = _scored(records, most)
    contents = [groups, sequences]
    if sketches is not None and len(sketches):
        contents.append(sketch.clusters(sketches)[sequences])
    cluster = joined(contents)
    table = pa.table({"id": ids, "cluster": cluster}, schema=tables.CLUSTERS)
    tables.write(out, table, tables.CLUSTERS)
    grouped = joined([groups])
    of_split = {name: splits == name for name in ("val", "test")}
    return {
        "independent": {name: len(np.unique(cluster[rows])) for name, rows in of_split.items()},
        "groups": {name: len(np.unique(grouped[rows])) for name, rows in of_split.items()},
        "sequences": len(np.unique(sequences)),
        "near_duplicates": sketches is not None,
    }


def warnings(found: dict) -> list[str]:
    """What of `write` a reader of intervals should know."""
    if found["near_duplicates"]:
        return []
    return [
        f"near-duplicates among the {found['sequences']:,} distinct sequences that are scored were "
        f"not looked for (more than {MOST:,}): intervals take them for independent samples"
    ]


def joined(contents: list[np.ndarray]) -> np.ndarray:
    """Cluster numbers int64[n]: rows are together that share a number of any of `contents` int[n],
    or that others join; a negative number is shared with no row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, nodes, size = [], [], len(contents[0])
    first = size
    for numbers in contents:
        known = np.flatnonzero(numbers >= 0)
        distinct, place = np.unique(numbers[known], return_inverse=True)
        rows.append(known)
        nodes.append(first + place)
        first += len(distinct)
    edges = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(first, first))
    return connected_components(graph, directed=False)[1][:size].astype(np.int64)


def _scored(
    records: Path, most: int
) -> tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """The ids and splits of the rows that are scored; the numbers of their groups (-1 without one)
    and of their sequences; and the sketch of every distinct sequence, unless they are over `most`.
    """
    names = ("id", "split", "sequence", "group", "subset")
    schema = pa.schema([tables.CLEAN.field(name) for name in names])
    ids, splits, groups, sequences, sketches = [], [], [], [], []
    known: dict[str, int] = {}
    seen: dict[int, int] = {}
    for batch in record_batches.read(records, schema):
        decided = pc.fill_null(pc.equal(batch["subset"], "sequence_decides"), False)
        batch = batch.filter(pc.or_(pc.not_equal(batch["split"], "train"), decided))
        ids.append(batch["id"])
        splits += batch["split"].to_pylist()
        groups += [-1 if g is None else known.setdefault(g, len(known)) for g in
                   batch["group"].to_pylist()]  # fmt: skip
        before = len(seen)
        here = [seen.setdefault(key, len(seen)) for key in keys(batch["sequence"]).tolist()]
        sequences += here
        # The first row of each sequence that no batch before had.
        first = dict(zip(reversed(here), reversed(range(len(here))), strict=True))
        new = [first[number] for number in range(before, len(seen))]
        if len(seen) <= most:
            sketches.append(sketch.sketches(batch["sequence"].take(pa.array(new, pa.int64()))))
    numbers = (np.array(one, np.int64) for one in (groups, sequences))
    sketched = np.concatenate(sketches) if len(seen) <= most else None
    return pa.concat_arrays(ids), np.array(splits, object), *numbers, sketched
