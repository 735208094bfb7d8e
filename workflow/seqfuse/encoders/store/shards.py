"""The files of a key: how a shard is named, opened and read, and which hashes it may hold.

A shard is called `<first>-<last>.<SHA-256 of the file>.parquet`, where `<first>` and `<last>` are
the first four hexadecimal digits of its lowest and highest hash. A reader opens only shards that
may hold a sequence, so a job that embeds one part of a set by hash never reads other parts' shards.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.errors import UserError
from seqfuse.files import digest

# `length` counts letters, `tokens` the rows of `states` [tokens, width]. `spans` holds the
# differences of the flattened [tokens, 2] ranges as int32, which compress to almost nothing;
# `pooled` is the mean over all tokens, float32 whatever the precision of the states.
SHARD = pa.schema(
    [
        pa.field("sequence", pa.binary(32), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("states", pa.binary(), nullable=False),
        pa.field("spans", pa.binary(), nullable=False),
        pa.field("pooled", pa.binary(), nullable=False),
    ]
)
FOOTER_KEY = b"seqfuse.key"
_DIGITS = 4


class Location(NamedTuple):
    """The place of a row, and its number of tokens."""

    shard: Path
    group: int
    row: int
    tokens: int


class DamagedShard(UserError):
    """A shard that cannot be read or does not match its checksum."""

    def __init__(self, shard: Path, reason: object):
        self.shard, self.reason = shard, " ".join(str(reason).split())
        super().__init__(
            f"{shard}: truncated or corrupt shard ({self.reason}); run `seqfuse embeddings verify"
            f" --store {shard.parent.parent} --set-aside`, then the `seqfuse embeddings write` that"
            " made it"
        )


def listed(folder: Path) -> list[Path]:
    """The finished shards of a key, by name."""
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def name(lowest: bytes, highest: bytes, checksum: str) -> str:
    """The name of a shard whose sequences have hashes from `lowest` to `highest`."""
    return f"{lowest.hex()[:_DIGITS]}-{highest.hex()[:_DIGITS]}.{checksum}.parquet"


def checksum(shard: Path) -> str:
    """The checksum in the name of a shard."""
    return shard.stem.rpartition(".")[2]


def ranges(files: Sequence[Path]) -> np.ndarray:
    """The lowest and the highest start of a hash in each shard, int[N, 2]. A shard of an earlier
    version, named only by its checksum, may hold any hash."""
    starts = [shard.stem.rpartition(".")[0].partition("-")[::2] for shard in files]
    pairs = [(int(low or "0", 16), int(high or "f" * _DIGITS, 16)) for low, high in starts]
    return np.array(pairs, int).reshape(-1, 2)


def may_hold(known: np.ndarray, sequence: bytes) -> np.ndarray:
    """Which of the shards with these ranges may hold a hash, bool[N]."""
    start = int(sequence.hex()[:_DIGITS], 16)
    return (known[:, 0] <= start) & (start <= known[:, 1])


def opened(shard: Path) -> pq.ParquetFile:
    """An open shard, whose page checksums are verified on reading; `DamagedShard` if it is
    unreadable."""
    try:
        return pq.ParquetFile(shard, page_checksum_verification=True)
    except FileNotFoundError:
        raise DamagedShard(shard, "no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise DamagedShard(shard, error) from None


def read(shard: Path, file: pq.ParquetFile, group: int | None, columns: list[str]) -> pa.Table:
    """Columns of one row group, or of all groups."""
    try:
        if group is None:
            return file.read(columns=columns)
        return file.read_row_group(group, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise DamagedShard(shard, error) from None


def column(shard: Path, group: int, name: str) -> pa.Array:
    """A column of one row group."""
    with contextlib.closing(opened(shard)) as file:
        return read(shard, file, group, [name]).column(0).chunk(0)


def places(shard: Path, key: str) -> pa.Table:
    """Hash, group, row within the group, and tokens of every row; `DamagedShard` if the shard
    belongs to another key."""
    with contextlib.closing(opened(shard)) as file:
        written = (file.schema_arrow.metadata or {}).get(FOOTER_KEY, b"").decode()
        if digest(written)[:32] != key:
            raise DamagedShard(shard, "it belongs to another key")
        table = read(shard, file, None, ["sequence", "tokens"])
        counts = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    groups = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    starts = np.cumsum([0, *counts], dtype=np.uint32)
    inside = np.arange(len(groups), dtype=np.uint32) - starts[groups]
    return table.append_column("group", pa.array(groups)).append_column("row", pa.array(inside))


def rows(shard: Path) -> Iterator[dict]:
    """Every row of a shard in its stored form, one row group in memory at a time."""
    with contextlib.closing(opened(shard)) as file:
        for group in range(file.num_row_groups):
            yield from read(shard, file, group, SHARD.names).to_pylist()
