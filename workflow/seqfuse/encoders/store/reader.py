"""The embedding store, read: one row a distinct sequence, in Parquet shards, addressed by content.

A store is a folder of keys. `<store>/<key>/` holds `key.json`, which says in full how its rows were
made (encoder, weights, layer, resolution, ...), and shards named `<SHA-256 of the file>.parquet`,
so that every shard carries its own checksum and two writers cannot collide. A row is found by the
SHA-256 of its sequence as the cleaned tables spell it. States are one binary blob a sequence,
because that reads about five times faster than nested lists.
"""

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.encoders.store.rows import Row, describe, sequence_hash
from seqfuse.errors import UserError
from seqfuse.files import atomic, canonical_json, digest, read_json

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
_CACHE_BYTES = 256 * 2**20


def key_of(description: dict) -> str:
    """The name of the folder that holds rows made as `description` says."""
    return digest(canonical_json(description))[:32]


def encode_spans(spans: np.ndarray) -> bytes:
    """Ranges int[T, 2] as bytes; `decode_spans` inverts it."""
    differences = spans.astype("<i4").reshape(-1)
    differences[1:] -= differences[:-1].copy()
    return differences.tobytes()


def decode_spans(data: bytes) -> np.ndarray:
    """Ranges int32[T, 2] from what `encode_spans` made."""
    return np.cumsum(np.frombuffer(data, "<i4"), dtype=np.int32).reshape(-1, 2)


class Location(NamedTuple):
    """Where a row lies, and how many tokens it has."""

    shard: Path
    group: int
    row: int
    tokens: int


class Store:
    """The rows of one key, for reading: by sequence, in batches, as a stream, or as a memory map.

    `width` is D, `key` the folder's name, `description` the content of key.json, `dtype` the NumPy
    type of the states. A damaged shard and a sequence that is not there are `UserError`s.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / "key.json").is_file():
            raise UserError(f"{folder}: no embeddings here; run `seqfuse embeddings write` first")
        self.description = read_json(self.folder / "key.json")
        self.key = self.folder.name
        if key_of(self.description) != self.key:
            raise UserError(
                f"{self.folder / 'key.json'}: does not describe this key; run the"
                " `seqfuse embeddings write` that made it again, which replaces it"
            )
        self.width = self.description["width"]
        self.dtype = np.dtype(self.description["stored"]).newbyteorder("<")
        self._cache: OrderedDict[tuple, pa.Array] = OrderedDict()
        self._cached = 0
        self.index: dict[bytes, Location] = {}
        # Two writers may both have stored a sequence: the first shard by name wins, for everyone.
        for shard in shards(self.folder):
            for sequence, location in _locations(shard, self.key):
                self.index.setdefault(sequence, location)

    @classmethod
    def open(cls, receipt: str | Path) -> "Store":
        """The store that a receipt of `seqfuse embeddings write` refers to."""
        content = read_json(receipt)
        if not {"store", "key"} <= content.keys():
            raise UserError(f"{receipt}: not a receipt of `seqfuse embeddings write`")
        return cls(Path(content["store"]) / content["key"])

    def __contains__(self, sequence: str) -> bool:
        return sequence_hash(sequence) in self.index

    def __len__(self) -> int:
        return len(self.index)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one sequence, special tokens left out; T counts tokens or codons."""
        return self._states(self._find(sequence)).copy()

    def pooled(self, sequence: str) -> np.ndarray:
        """The mean over all non-special tokens, float32 [D]."""
        return np.frombuffer(self._cell(self._find(sequence), "pooled"), "<f4").copy()

    def spans(self, sequence: str) -> np.ndarray:
        """For each stored token its range of letters [start, end), int32 [T, 2]."""
        return decode_spans(self._cell(self._find(sequence), "spans"))

    def batch(self, sequences: Iterable[str]) -> list[np.ndarray]:
        """`get` of each sequence, reading every row group only once."""
        found = [self._find(sequence) for sequence in sequences]
        states: dict[Location, np.ndarray] = {}
        for location in sorted(set(found)):
            states[location] = self._states(location).copy()
        return [states[location] for location in found]

    def stream(self) -> Iterator[Row]:
        """Every row, in the order of the shards, one row group in memory at a time."""
        for shard in shards(self.folder):
            file = _opened(shard)
            for group in range(file.num_row_groups):
                for row in _read(shard, file, group, SHARD.names).to_pylist():
                    yield Row(
                        row["sequence"],
                        row["length"],
                        np.frombuffer(row["states"], self.dtype).reshape(-1, self.width),
                        decode_spans(row["spans"]),
                        np.frombuffer(row["pooled"], "<f4"),
                    )

    def memory_map(self, sequences: Iterable[str], folder: str | Path) -> "MemoryMap":
        """The states of `sequences`, decoded once into a file of `folder` that training maps.

        The file is named by what it holds, so processes share it and a second run finds it. Memory
        stays at one row group.
        """
        located = {}
        for sequence in sequences:
            located.setdefault(sequence_hash(sequence), self._find(sequence))
        order = sorted(located)
        name = digest(canonical_json([self.key, [sequence.hex() for sequence in order]]))
        tokens = np.array([located[sequence].tokens for sequence in order], np.int64)
        starts = dict(zip(order, np.cumsum(tokens) - tokens, strict=True))
        path = Path(folder) / f"{name}.states"
        size = int(tokens.sum()) * self.width * self.dtype.itemsize
        if not (path.is_file() and path.stat().st_size == size):
            with atomic(path) as temporary, temporary.open("wb") as file:
                file.truncate(size)
                for group, sequences in itertools.groupby(
                    sorted(order, key=located.__getitem__), key=lambda s: located[s][:2]
                ):
                    cells = self._column(*group, "states")
                    for sequence in sequences:
                        file.seek(int(starts[sequence]) * self.width * self.dtype.itemsize)
                        file.write(cells[located[sequence].row].as_buffer())
        return MemoryMap(
            path,
            self.width,
            self.dtype,
            {sequence: (int(starts[sequence]), located[sequence].tokens) for sequence in order},
        )

    def _find(self, sequence: str) -> Location:
        location = self.index.get(sequence_hash(sequence))
        if location is None:
            raise UserError(
                f"{self.folder}: no embedding of sequence {describe(sequence)}; run the"
                " `seqfuse embeddings write` of its table again"
            )
        return location

    def _states(self, location: Location) -> np.ndarray:
        cell = self._cell(location, "states")
        return np.frombuffer(cell, self.dtype).reshape(-1, self.width)

    def _cell(self, location: Location, column: str) -> pa.Buffer:
        """One cell, through a cache of row groups bounded in bytes."""
        name = (location.shard, location.group, column)
        if name in self._cache:
            self._cache.move_to_end(name)
        else:
            self._cache[name] = cells = self._column(*name)
            self._cached += cells.nbytes
            while self._cached > _CACHE_BYTES and len(self._cache) > 1:
                self._cached -= self._cache.popitem(last=False)[1].nbytes
        return self._cache[name][location.row].as_buffer()

    @staticmethod
    def _column(shard: Path, group: int, column: str) -> pa.Array:
        return _read(shard, _opened(shard), group, [column]).column(0).chunk(0)


@dataclass(frozen=True)
class MemoryMap:
    """States of a set of sequences in one mapped file: `get` reads only the pages it needs."""

    path: Path
    width: int
    dtype: np.dtype
    rows: dict[bytes, tuple[int, int]]

    def __post_init__(self):
        # Copy on write: torch wants arrays it could write to, and the file must stay as it is.
        shape = (sum(tokens for _, tokens in self.rows.values()), self.width)
        # A plain array over the map: slices of a memmap take five times as long.
        states = np.asarray(np.memmap(self.path, self.dtype, "c", shape=shape))
        object.__setattr__(self, "_states", states)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one sequence, not yet read from disk."""
        found = self.rows.get(sequence_hash(sequence))
        if found is None:
            raise UserError(f"{self.path}: does not hold sequence {describe(sequence)}")
        start, tokens = found
        return self._states[start : start + tokens]


def shards(folder: Path) -> list[Path]:
    """The finished shards of a key, by name."""
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def damaged(shard: Path, reason: object) -> UserError:
    """The error for a shard that cannot be read or does not match its checksum."""
    return UserError(
        f"{shard}: cut or corrupt shard ({' '.join(str(reason).split())}); run the"
        " `seqfuse embeddings write` that made it again, which replaces it"
    )


def _opened(shard: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(shard, page_checksum_verification=True)
    except FileNotFoundError:
        raise damaged(shard, "no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise damaged(shard, error) from None


def _read(shard: Path, file: pq.ParquetFile, group: int | None, columns: list[str]) -> pa.Table:
    """Columns of one row group, or of all, with the checksum of every page verified."""
    try:
        if group is None:
            return file.read(columns=columns)
        return file.read_row_group(group, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise damaged(shard, error) from None


def _locations(shard: Path, key: str) -> Iterator[tuple[bytes, Location]]:
    """Which sequences a shard holds, and where; a shard of another key is an error."""
    file = _opened(shard)
    written = (file.schema_arrow.metadata or {}).get(FOOTER_KEY, b"").decode()
    if digest(written)[:32] != key:
        raise damaged(shard, "it belongs to another key")
    table = _read(shard, file, None, ["sequence", "tokens"])
    sequences, tokens = table["sequence"].to_pylist(), table["tokens"].to_pylist()
    position = 0
    for group in range(file.num_row_groups):
        for row in range(file.metadata.row_group(group).num_rows):
            yield sequences[position], Location(shard, group, row, tokens[position])
            position += 1
