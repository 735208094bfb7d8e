"""The locations of the rows of many shards, in one sorted file that readers memory-map.

A reader of ten million rows then keeps none of them in memory, and opens one file instead of every
shard. `.index-<hash>.arrow` is an Arrow table sorted by the hash of the sequence; its metadata
names the shards that it covers, and it is ignored once one of them is gone. It can always be made
again from the shards.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.encoders.store import shards
from seqfuse.encoders.store.shards import Location
from seqfuse.files import atomic, canonical_json, digest

# The most shards a reader opens without an index; each takes a millisecond, more on a network.
MOST_LOOSE = 16
_NAME = ".index-{}.arrow"
_COVERED = b"seqfuse.shards"
_PLACES = ("shard", "group", "row", "tokens")


class Index:
    """The rows of the shards that the largest valid index file covers; no rows without a file."""

    def __init__(self, folder: Path, present: Sequence[Path]):
        self.covered: list[Path] = []
        self._prefixes = np.empty(0, np.uint64)
        names = {shard.name for shard in present}
        for path in sorted(folder.glob(_NAME.format("*"))):
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            covered = json.loads(table.schema.metadata[_COVERED])
            if len(covered) > len(self.covered) and names.issuperset(covered):
                self.covered = [folder / name for name in covered]
                self._map(table)

    def _map(self, table: pa.Table) -> None:
        # One record batch: its columns are views of the file.
        batch = table.to_batches()[0]
        self._prefixes = batch["prefix"].to_numpy()
        self._hashes = np.frombuffer(batch["sequence"].buffers()[1], "V32")
        self._places = [batch[name].to_numpy() for name in _PLACES]

    def __len__(self) -> int:
        return len(self._prefixes)

    def find(self, sequence: bytes) -> Location | None:
        """The location of the row of a hash; None if the index lacks it."""
        row = int(np.searchsorted(self._prefixes, _prefix(sequence)))
        while row < len(self) and self._prefixes[row] == _prefix(sequence):
            if self._hashes[row].tobytes() == sequence:
                shard, *place = (int(values[row]) for values in self._places)
                return Location(self.covered[shard], *place)
            row += 1
        return None

    def lacks(self, sequence: bytes) -> bool:
        """Whether the index lacks a hash."""
        return self.find(sequence) is None


def build(folder: Path, key: str, most_loose: int = MOST_LOOSE) -> None:
    """Write an index of all shards of a key, if more than `most_loose` are not indexed."""
    present = shards.listed(folder)
    if len(present) - len(Index(folder, present).covered) <= most_loose:
        return
    tables = [shards.places(shard, key) for shard in present]
    owners = np.repeat(np.arange(len(present), dtype=np.uint32), [len(table) for table in tables])
    table = pa.concat_tables(tables).combine_chunks()
    hashes = np.frombuffer(table["sequence"].chunk(0).buffers()[1], "V32")
    prefixes = hashes.view(">u8").reshape(-1, 4)[:, 0].astype(np.uint64)
    # Of equal hashes, only that of the first shard by name is kept.
    order = np.argsort(prefixes, kind="stable")
    order = order[np.sort(np.unique(hashes[order], return_index=True)[1])]
    columns = {
        "prefix": pa.array(prefixes[order]),
        "sequence": table["sequence"].combine_chunks().take(pa.array(order)),
        "shard": pa.array(owners[order]),
        **{name: table[name].combine_chunks().take(pa.array(order)) for name in _PLACES[1:]},
    }
    names = canonical_json([shard.name for shard in present])
    schema = pa.table(columns).schema.with_metadata({_COVERED: names})
    with (
        atomic(folder / _NAME.format(digest(names)[:32])) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, schema) as writer,
    ):
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def _prefix(sequence: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(sequence[:8]))
