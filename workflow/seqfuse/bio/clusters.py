"""Clusters of rows that are not independent samples: the units of intervals and tests."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.errors import UserError


def read(path: Path, ids: pa.Array) -> np.ndarray:
    """The cluster int64[n] of each record, from the table written by `seqfuse sequences`.

    Raises `UserError` if the table lacks a record."""
    return _column(path, ids, "cluster").to_numpy().astype(np.int64)


def seen(path: Path, ids: pa.Array) -> np.ndarray:
    """How well train knows each record (text [n], None if unknown), from the same table."""
    return np.array(_column(path, ids, "seen").to_pylist(), dtype=object)


def _column(path: Path, ids: pa.Array, name: str) -> pa.Array:
    table = tables.read(path, tables.CLUSTERS)
    rows = pc.index_in(ids, table["id"].combine_chunks())
    if rows.null_count:
        stranger = ids.filter(pc.is_null(rows))[0].as_py()
        raise UserError(
            f"{path}: no cluster for record {stranger!r}; give the file that was written with these"
            " records"
        )
    return table[name].combine_chunks().take(rows)


def joined(contents: list[np.ndarray]) -> np.ndarray:
    """Cluster numbers int64[n]. Two rows are in one cluster if they share a number in any of
    `contents` (each int[n]), or if a chain of such rows joins them. Negative numbers count as
    different."""
    rows, nodes, size = [], [], len(contents[0])
    first = size
    for numbers in contents:
        known = np.flatnonzero(numbers >= 0)
        distinct, place = np.unique(numbers[known], return_inverse=True)
        rows.append(known)
        nodes.append(first + place)
        first += len(distinct)
    return components(np.concatenate(rows), np.concatenate(nodes), first)[:size]


def components(one: np.ndarray, other: np.ndarray, size: int) -> np.ndarray:
    """The component int64[size] of each node of a graph with these edges."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)
