"""How many jobs share the embedding of a set, or the answers to a suite.

The number is known when the DAG is built, from the catalogue or from the files themselves. With a
checkpoint rule it would be known only after earlier jobs, and no dry run could list the jobs. It
does not depend on what a run has made so far, because each job on a cluster builds the DAG again.
"""

import functools
import gzip
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from seqfuse.errors import UserError

_BLOCK = 2**20


def count(datasets: Mapping[str, Mapping], most: int | None, key: str) -> int:
    """How many parts of about `most` rows these datasets (entries by name) are divided into; 1 if
    `most` is None. A `UserError` that names `key` if the number of rows is unknown."""
    if most is None:
        return 1
    rows = 0
    for name, entry in datasets.items():
        of_dataset = known_rows(entry)
        if of_dataset is None:
            raise UserError(
                f"dataset {name!r}: {key} needs its number of rows before it is read; add"
                " `size: {rows: {train: ..., val: ..., test: ...}}` to its entry"
            )
        rows += of_dataset
    return max(1, math.ceil(rows / most))


def names(parts: int) -> list[str]:
    """The names of so many parts, as in file names: 1of3, 2of3, 3of3."""
    return [f"{number}of{parts}" for number in range(1, parts + 1)]


def known_rows(entry: Mapping) -> int | None:
    """The rows that a dataset's entry declares, or those counted in its files if all are here; 0
    for a generator, whose rows are too few to be divided."""
    if declared := entry.get("size", {}).get("rows") or entry.get("rows"):
        return sum(declared.values())
    if entry.get("source") == "synthetic":
        return 0
    return _counted(Path(item["path"]) for item in entry.get("files", []))


def _counted(paths: Iterable[Path]) -> int | None:
    files = list(paths)
    if not files or not all(path.is_file() for path in files):
        return None
    return sum(_rows(path, path.stat().st_mtime_ns) for path in files)


@functools.lru_cache(maxsize=256)
def _rows(path: Path, changed: int) -> int:
    """The rows of a file: exact for Parquet and FASTA, otherwise its lines."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_metadata(path).num_rows
    suffixes = path.suffixes
    opened = gzip.open if suffixes[-1:] == [".gz"] else open
    mark = b"\n>" if {".fa", ".fasta", ".fna", ".faa"} & set(suffixes) else b"\n"
    rows, before = 0, mark[:-1]  # a file begins like a line
    with opened(path, "rb") as file:
        while block := file.read(_BLOCK):
            rows += (before + block).count(mark)
            before = block[-1:] if before else b""
    return rows
