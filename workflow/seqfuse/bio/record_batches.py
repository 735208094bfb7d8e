"""Reading a Parquet file batch by batch, in memory that does not grow with the file."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.errors import UserError

_ROWS, _BYTES = 2048, 1 << 20  # of a batch, whichever is less
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
_BUFFER = 1 << 20  # bytes; without it, a whole column of a row group is read at once


def read(records: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Batches with the columns of `schema`; raises `UserError` if the file is missing, truncated or
    not a table of records."""
    file = opened(records)
    missing = [name for name in schema.names if name not in file.schema_arrow.names]
    if missing:
        raise UserError(f"{records}: column {missing[0]!r} is missing; is it a table of records?")
    for batch in batches(records, file, _size(file), schema.names):
        yield batch.select(schema.names).cast(schema)


def opened(path: Path) -> pq.ParquetFile:
    """A Parquet file, opened; raises `UserError` if it is missing or its footer is unreadable."""
    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER)
        _ = file.schema_arrow.names  # raises if a name is not UTF-8
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except _UNREADABLE as error:
        raise _unreadable(path, error) from None
    return file


def batches(
    path: Path, file: pq.ParquetFile, rows: int, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """Some columns of a Parquet file, at most `rows` rows at a time."""
    for group in range(file.num_row_groups):
        # Group by group: a reader of all groups would keep parts of those it has read.
        of_group = file.iter_batches(rows, row_groups=[group], columns=columns)
        while True:
            try:
                batch = next(of_group, None)
            except _UNREADABLE as error:
                raise _unreadable(path, error) from None
            if batch is None:
                break
            yield batch


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:100]
    return UserError(f"{path}: not a readable Parquet file ({reason}); write or fetch it again")


def _size(file: pq.ParquetFile) -> int:
    """The number of rows in a batch."""
    groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
    whole = sum(group.total_byte_size for group in groups)
    return max(1, min(_ROWS, _BYTES * file.metadata.num_rows // max(1, whole)))
