"""Whole dataset repositories, from the hub or a local copy, read by `datasets`.

The library knows which files of a repository belong to which split, and their formats. Rows are
streamed, so that memory does not grow with the data, into one table for each split, which is then a
source file like any other. Imported only if an entry needs it: the library takes seconds to import.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.exceptions import DatasetsError

from seqfuse.bio.splits import SPLITS
from seqfuse.errors import UserError, nearest
from seqfuse.files import atomic_directory
from seqfuse.settings.advice import in_yaml

_ROWS = 1000


def save(repository: str, revision: str | None, folder: Path) -> None:
    """Write each split of a repository to `folder`, as <the split's own name>.parquet.

    Raises `UserError` if `datasets` cannot read the repository."""
    with atomic_directory(folder) as temporary, contextlib.ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for name, table in _read(repository, revision):
            if name not in writers:
                new = pq.ParquetWriter(
                    temporary / f"{name}.parquet", table.schema, compression="zstd"
                )
                writers[name] = stack.enter_context(new)
            writers[name].write_table(table)


def split(name: str, known: dict[str, str]) -> str:
    """The split that a repository calls `name`; `known` maps such names as the entry says."""
    ours = {"validation": "val", **known}.get(name, name)
    if ours not in SPLITS:
        raise UserError(
            f"the repository's split {name!r} is not train, val or test{nearest(name, SPLITS)}; "
            f"say what it is, as in {in_yaml({'splits': {name: 'train'}})}, in the dataset's entry"
        )
    return ours


def _read(repository: str, revision: str | None) -> Iterator[tuple[str, pa.Table]]:
    """(split, a batch of its rows), split by split."""
    datasets.disable_progress_bars()
    try:
        by_split = datasets.load_dataset(repository, revision=revision, streaming=True)
        for name, rows in by_split.items():
            for table in rows.with_format("arrow").iter(_ROWS):
                yield name, table
    # What the library and its readers raise for files that they cannot read.
    except (DatasetsError, OSError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{repository}: `datasets` cannot read it ({reason})") from None
