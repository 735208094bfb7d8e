"""Into how many jobs the embedding of a set and the answers to a suite are divided.

Known when the plan is made, from the catalogue or the files themselves: a checkpoint rule would
tell only once earlier jobs have run, and nothing that looks at the plan could see the jobs. Nothing
here depends on what a run has made so far, because each job on a cluster makes the plan anew.
"""

import functools
import gzip
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from seqfuse.errors import UserError

_BLOCK = 2**20


def count(datasets: Mapping[str, Mapping], most: int | None, key: str) -> int:
    """How many parts of about `most` rows some datasets (entries by name) make; one without a
    bound. A `UserError` where nobody says how many rows there are; it names the `key`."""
    if most is None:
        return 1
    rows = 0
    for name, entry in datasets.items():
        found = known_rows(entry)
        if found is None:
            raise UserError(
                f"dataset {name!r}: {key} needs to know how many rows it has before it is read;"
                " give its entry a `size: {rows: {train: ..., val: ..., test: ...}}`"
            )
        rows += found
    return max(1, math.ceil(rows / most))


def names(parts: int) -> list[str]:
    """What the files of so many parts are named after: 1of3, 2of3, 3of3."""
    return [f"{number}of{parts}" for number in range(1, parts + 1)]


def known_rows(entry: Mapping) -> int | None:
    """The rows of a dataset by its entry, or counted in its files where all are here; a generator's
    are too few to be divided."""
    if declared := entry.get("size", {}).get("rows") or entry.get("rows"):
        return sum(declared.values())
    if entry.get("source") == "synthetic":
        return 0
    return _counted(Path(item["path"]) for item in entry.get("files", []))


def _counted(paths: Iterable[Path]) -> int | None:
    found = list(paths)
    if not found or not all(path.is_file() for path in found):
        return None
    return sum(_rows(path, path.stat().st_mtime_ns) for path in found)


@functools.lru_cache(maxsize=256)
def _rows(path: Path, changed: int) -> int:
    """The rows of a file: exact for Parquet and FASTA, lines of all else."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_metadata(path).num_rows
    suffixes = path.suffixes
    opened = gzip.open if suffixes[-1:] == [".gz"] else open
    mark = b"\n>" if {".fa", ".fasta", ".fna", ".faa"} & set(suffixes) else b"\n"
    rows, before = 0, mark[:-1]  # a record begins a file as it begins a line
    with opened(path, "rb") as file:
        while block := file.read(_BLOCK):
            rows += (before + block).count(mark)
            before = block[-1:] if before else b""
    return rows
