"""Reading a table of records batch by batch, in memory that does not grow with the file."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.errors import UserError

_ROWS, _BYTES = 2048, 1 << 20  # of a batch, whichever is less
_BUFFER = 1 << 20  # bytes; without it, a whole column of a row group is read at once


def read(records: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The columns of `schema`; an absent, cut or foreign file is a `UserError` that names it."""
    try:
        file = pq.ParquetFile(records, buffer_size=_BUFFER)
    except FileNotFoundError:
        raise UserError(f"{records}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{records}: not a readable Parquet file ({reason})") from None
    missing = [name for name in schema.names if name not in file.schema_arrow.names]
    if missing:
        raise UserError(f"{records}: column {missing[0]!r} is missing; is it a table of records?")
    size = _size(file)
    for group in range(file.num_row_groups):
        # Asked for all groups at once, the reader keeps parts of those that it has read.
        for batch in file.iter_batches(size, row_groups=[group], columns=schema.names):
            yield batch.select(schema.names).cast(schema)


def _size(file: pq.ParquetFile) -> int:
    """Rows of a batch."""
    groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
    whole = sum(group.total_byte_size for group in groups)
    return max(1, min(_ROWS, _BYTES * file.metadata.num_rows // max(1, whole)))
