"""Writing the embedding store: shards appear whole, under a name that contains their checksum.

A killed writer loses at most its current shard. Any number of writers of one key may run at once,
on any nodes: each writes to a file of its own, and nothing is locked, because a network file system
may enforce a lock on one node only. Each writer keeps touching a file that shows that it is active
(`written_lately`).
"""

import contextlib
import hashlib
import os
import tempfile
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.encoders.store import shards
from seqfuse.encoders.store.reader import Store, encode_spans, key_of
from seqfuse.encoders.store.rows import Row
from seqfuse.encoders.store.shards import FOOTER_KEY, SHARD, DamagedShard
from seqfuse.files import canonical_json, named, readable, write_json
from seqfuse.training.interruption.preemption import set_aside

ROWS_A_GROUP = 32
BYTES_A_SHARD = 256 * 2**20
_UNFINISHED, _PRESENT = ".shard-", ".writer-"
# A file untouched for so long was left by a dead writer; a suspended one would have resumed.
_ABANDONED_SECONDS = 7 * 24 * 3600


class Writer:
    """Adds rows to one key of a store; while this context manager is open, `gc` keeps the key.

    A shard that turns out to be unreadable is named and set aside; its rows are missing again. Rows
    are written in the order in which they are added: by length, longest first.
    """

    def __init__(self, store: str | Path, description: dict):
        self.key = key_of(description)
        self.folder = Path(store) / self.key
        self._description = description
        self._rows: list[dict] = []
        self._bytes = 0
        self._shard: _Shard | None = None
        self._present = self.folder / f"{_PRESENT}{uuid.uuid4().hex}"

    def __enter__(self) -> "Writer":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._present.touch()
        now = self._present.stat().st_mtime  # by the clock of the file system
        for path in self.folder.glob(".*"):
            if path.name.startswith((_UNFINISHED, _PRESENT)) and not _young(path, now):
                path.unlink(missing_ok=True)
        write_json(self.folder / "key.json", self._description)
        self._held = Store(self.folder)
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None:
                self._finish_shard()
        finally:
            if self._shard:
                self._shard.discard()
            self._present.unlink(missing_ok=True)

    def holds(self, sequence: str) -> bool:
        """Whether the store held a sequence when the writer was opened."""
        while True:
            try:
                return sequence in self._held
            except DamagedShard as damage:
                self._held.forget(damage.shard)
                with contextlib.suppress(FileNotFoundError):  # another writer was first
                    set_aside(damage.shard, damage.reason, "its rows are embedded again")

    def add(self, row: Row) -> None:
        """Store one row; the caller has checked its content."""
        self._rows.append(
            {
                "sequence": row.sequence,
                "length": row.length,
                "tokens": len(row.spans),
                "states": row.states.tobytes(),
                "spans": encode_spans(row.spans),
                "pooled": row.pooled.astype("<f4").tobytes(),
            }
        )
        self._bytes += row.states.nbytes
        if len(self._rows) == ROWS_A_GROUP or self._bytes >= BYTES_A_SHARD:
            self._finish_group()
        if self._shard and self._shard.bytes >= BYTES_A_SHARD:
            self._finish_shard()

    def _finish_group(self) -> None:
        if not self._rows:
            return
        with named(self.folder):
            if self._shard is None:
                self._shard = _Shard(self.folder)
                self._shard.open(canonical_json(self._description))
            self._shard.write(self._rows)
            self._present.touch()
        self._rows, self._bytes = [], 0

    def _finish_shard(self) -> None:
        self._finish_group()
        if self._shard:
            with named(self.folder):
                self._shard.publish()
            self._shard = None


class _Shard:
    """The shard being written: a hidden file until `publish` gives it its name."""

    def __init__(self, folder: Path):
        handle, name = tempfile.mkstemp(dir=folder, prefix=_UNFINISHED, suffix=".parquet")
        os.close(handle)
        self.path, self.bytes = Path(name), 0
        self._lowest, self._highest = b"\xff" * 32, b"\x00" * 32

    def open(self, description: str) -> None:
        """Begin the file; `description` goes into its footer."""
        self._parquet = pq.ParquetWriter(
            self.path,
            SHARD.with_metadata({FOOTER_KEY: description}),
            # States hardly compress: zstd saves 8 % and costs two thirds of the speed.
            compression={n: "zstd" if n == "spans" else "none" for n in SHARD.names},
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )

    def write(self, rows: list[dict]) -> None:
        """Write one row group."""
        self._parquet.write_table(pa.Table.from_pylist(rows, SHARD), row_group_size=len(rows))
        self.bytes += sum(len(row["states"]) for row in rows)
        hashes = [row["sequence"] for row in rows]
        self._lowest = min(self._lowest, *hashes)
        self._highest = max(self._highest, *hashes)

    def publish(self) -> None:
        self._parquet.close()
        with self.path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        self.path.chmod(readable() & 0o444)
        self.path.replace(self.path.with_name(shards.name(self._lowest, self._highest, checksum)))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def written_lately(folder: Path) -> bool:
    """Whether a writer is active in a key's folder, or was killed there in the last seven days."""
    now = time.time()
    return any(_young(path, now) for path in folder.glob(f"{_PRESENT}*"))


def _young(path: Path, now: float) -> bool:
    try:
        return now - path.stat().st_mtime < _ABANDONED_SECONDS
    except FileNotFoundError:
        return False  # its writer has just ended
