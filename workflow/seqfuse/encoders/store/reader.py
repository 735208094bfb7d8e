"""Reading the embedding store: one row for each distinct sequence, in Parquet shards.

A store is a folder of keys. `<store>/<key>/` holds `key.json`, the full description of how its rows
were made (encoder, weights, layer, resolution, ...), and shards named by their checksum, so that
writers cannot collide. A row is addressed by the SHA-256 of its sequence as the cleaned tables
spell it. The states of a sequence are one binary blob, which reads about five times faster than
nested lists.
"""

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.encoders.store import shards
from seqfuse.encoders.store.index import Index
from seqfuse.encoders.store.rows import Row, describe, sequence_hash
from seqfuse.encoders.store.shards import Location
from seqfuse.errors import UserError
from seqfuse.files import atomic, canonical_json, digest, read_json

_CACHE_BYTES = 256 * 2**20


def key_of(description: dict) -> str:
    """The key of a description: 32 hexadecimal digits, the name of its folder."""
    return digest(canonical_json(description))[:32]


def encode_spans(spans: np.ndarray) -> bytes:
    """Ranges int[T, 2] as bytes; `decode_spans` inverts it."""
    differences = spans.astype("<i4").reshape(-1)
    differences[1:] -= differences[:-1].copy()
    return differences.tobytes()


def decode_spans(data: bytes) -> np.ndarray:
    """Ranges int32[T, 2] from the bytes of `encode_spans`."""
    return np.cumsum(np.frombuffer(data, "<i4"), dtype=np.int32).reshape(-1, 2)


class Store:
    """The rows of one key, for reading: by sequence, in batches, as a stream, or as a memory map.

    `width` is D, `key` the folder's name, `description` the content of key.json, `dtype` the NumPy
    type of the states. Raises `UserError` for a damaged shard and for a missing sequence.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / "key.json").is_file():
            raise UserError(f"{folder}: no embeddings here; run `seqfuse embeddings write` first")
        self.description = read_json(self.folder / "key.json")
        self.key = self.folder.name
        if key_of(self.description) != self.key:
            raise UserError(
                f"{self.folder / 'key.json'}: does not match this key; run the `seqfuse embeddings"
                " write` that made it again, to replace it"
            )
        self.width = self.description["width"]
        self.dtype = np.dtype(self.description["stored"]).newbyteorder("<")
        self._cache: OrderedDict[tuple, pa.Array] = OrderedDict()
        self._cached = 0
        self.shards = shards.listed(self.folder)
        self._index = Index(self.folder, self.shards)
        # A shard that the index does not cover is read once a row is requested that it may hold;
        # its locations are known from then on.
        covered = set(self._index.covered)
        self._unread = [shard for shard in self.shards if shard not in covered]
        self._ranges = shards.ranges(self._unread)
        self._known: dict[bytes, Location] = {}

    @classmethod
    def open(cls, receipt: str | Path) -> "Store":
        """The store that a receipt of `seqfuse embeddings write` refers to."""
        content = read_json(receipt)
        if not {"store", "key"} <= content.keys():
            raise UserError(f"{receipt}: not a receipt of `seqfuse embeddings write`")
        return cls(Path(content["store"]) / content["key"])

    def __contains__(self, sequence: str) -> bool:
        return self.locate(sequence_hash(sequence)) is not None

    def __len__(self) -> int:
        """The number of distinct sequences; opens every shard that the index does not cover."""
        for shard in list(self._unread):
            self._learn(shard)
        return len(self._index) + sum(map(self._index.lacks, self._known))

    def locate(self, sequence: bytes) -> Location | None:
        """The location of the row of a hash; None if it is missing. If two writers stored the same
        sequence, the first shard by name wins, indexed shards before others."""
        if location := self._index.find(sequence):
            return location
        for place in np.flatnonzero(shards.may_hold(self._ranges, sequence))[::-1]:
            self._learn(self._unread[place])
        return self._known.get(sequence)

    def forget(self, shard: Path) -> None:
        """Ignore a shard that has not been read yet."""
        self._unread.remove(shard)
        self._ranges = shards.ranges(self._unread)

    def _learn(self, shard: Path) -> None:
        """Read the locations of a shard's rows."""
        table = shards.places(shard, self.key)
        columns = [table[name].to_pylist() for name in ("sequence", "group", "row", "tokens")]
        for sequence, *place in zip(*columns, strict=True):
            other = self._known.get(sequence)
            if other is None or shard < other.shard:
                self._known[sequence] = Location(shard, *place)
        self.forget(shard)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one sequence, without special tokens; T counts tokens or codons."""
        return self._states(self._find(sequence)).copy()

    def __getitem__(self, sequence: str) -> np.ndarray:
        return self.get(sequence)

    def pooled(self, sequence: str) -> np.ndarray:
        """The mean over all non-special tokens, float32 [D]."""
        return np.frombuffer(self._cell(self._find(sequence), "pooled"), "<f4").copy()

    def spans(self, sequence: str) -> np.ndarray:
        """The range of letters [start, end) of each stored token, int32 [T, 2]."""
        return decode_spans(self._cell(self._find(sequence), "spans"))

    def batch(self, sequences: Iterable[str]) -> list[np.ndarray]:
        """`get` of each sequence, reading every row group only once."""
        locations = [self._find(sequence) for sequence in sequences]
        states: dict[Location, np.ndarray] = {}
        for location in sorted(set(locations)):
            states[location] = self._states(location).copy()
        return [states[location] for location in locations]

    def stream(self) -> Iterator[Row]:
        """Every row, in the order of the shards, one row group in memory at a time."""
        for shard in self.shards:
            for row in shards.rows(shard):
                yield Row(
                    row["sequence"],
                    row["length"],
                    np.frombuffer(row["states"], self.dtype).reshape(-1, self.width),
                    decode_spans(row["spans"]),
                    np.frombuffer(row["pooled"], "<f4"),
                )

    def memory_map(self, sequences: Iterable[str], folder: str | Path) -> "MemoryMap":
        """The states of `sequences`, decoded once into a file in `folder` that training maps.

        The file is named by its content, so that processes share it and a second run reuses it. At
        most one row group is in memory.
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
                    cells = shards.column(*group, "states")
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
        location = self.locate(sequence_hash(sequence))
        if location is None:
            raise UserError(
                f"{self.folder}: no embedding of sequence {describe(sequence)}; run"
                " `seqfuse embeddings write` for its table again"
            )
        return location

    def _states(self, location: Location) -> np.ndarray:
        cell = self._cell(location, "states")
        return np.frombuffer(cell, self.dtype).reshape(-1, self.width)

    def _cell(self, location: Location, column: str) -> pa.Buffer:
        """One cell, through a cache of row groups of bounded size."""
        name = (location.shard, location.group, column)
        if name in self._cache:
            self._cache.move_to_end(name)
        else:
            self._cache[name] = cells = shards.column(*name)
            self._cached += cells.nbytes
            while self._cached > _CACHE_BYTES and len(self._cache) > 1:
                self._cached -= self._cache.popitem(last=False)[1].nbytes
        return self._cache[name][location.row].as_buffer()


@dataclass(frozen=True)
class MemoryMap:
    """States of a set of sequences in one mapped file: `get` reads only the pages it needs."""

    path: Path
    width: int
    dtype: np.dtype
    rows: dict[bytes, tuple[int, int]]

    def __post_init__(self):
        # Copy on write: torch needs writable arrays, and the file must not change.
        shape = (sum(tokens for _, tokens in self.rows.values()), self.width)
        # A plain array over the map, because slices of a memmap take five times as long.
        states = np.asarray(np.memmap(self.path, self.dtype, "c", shape=shape))
        object.__setattr__(self, "_states", states)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one sequence, not yet read from disk."""
        row = self.rows.get(sequence_hash(sequence))
        if row is None:
            raise UserError(f"{self.path}: does not hold sequence {describe(sequence)}")
        start, tokens = row
        return self._states[start : start + tokens]
