"""Which rows are no independent samples of each other: the units of intervals and tests."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.errors import UserError


def read(path: Path, ids: pa.Array) -> np.ndarray:
    """The cluster int64[n] of each record, from the table that `seqfuse sequences` writes."""
    table = tables.read(path, tables.CLUSTERS)
    found = pc.index_in(ids, table["id"].combine_chunks())
    if found.null_count:
        stranger = ids.filter(pc.is_null(found))[0].as_py()
        raise UserError(
            f"{path}: no cluster of record {stranger!r}; give the file that was written with these "
            "records"
        )
    return table["cluster"].combine_chunks().take(found).to_numpy().astype(np.int64)
