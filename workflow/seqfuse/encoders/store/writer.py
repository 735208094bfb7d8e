"""The embedding store, written: shards that appear whole, under a name that is their checksum.

A killed writer loses at most the shard in hand. Writers of one key may run at once: each has its
own shard in hand, and a sequence that both stored is read from the first shard by name.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.encoders.store.reader import FOOTER_KEY, SHARD, Store, encode_spans, key_of, shards
from seqfuse.encoders.store.rows import Row
from seqfuse.files import canonical_json, named, readable, sha256, write_json
from seqfuse.training.interruption.preemption import set_aside

ROWS_A_GROUP = 32
BYTES_A_SHARD = 256 * 2**20
_UNFINISHED = ".shard-"


class Writer:
    """Adds rows to one key of a store; a context manager that keeps `gc` away while it is open.

    On entry, damaged shards are named and set aside, so that `held` is what a reader will find; the
    rows that they held are missing again. Rows are written in the order in which they are added,
    which is by length, longest first.
    """

    def __init__(self, store: str | Path, description: dict):
        self.key = key_of(description)
        self.folder = Path(store) / self.key
        self._description = description
        self._rows: list[dict] = []
        self._bytes = 0
        self._shard: _Shard | None = None

    def __enter__(self) -> "Writer":
        with contextlib.ExitStack() as stack:
            stack.enter_context(_claim(self.folder))
            write_json(self.folder / "key.json", self._description)
            for shard in damaged_shards(self.folder):
                set_aside(shard, "it does not match its checksum", "its rows are embedded again")
            self.held = Store(self.folder)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind, *_) -> None:
        with self._stack:
            try:
                if kind is None:
                    self._finish_shard()
            finally:
                if self._shard:
                    self._shard.discard()

    def add(self, row: Row) -> None:
        """Store one row, whose content the caller has checked."""
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
        self._rows, self._bytes = [], 0

    def _finish_shard(self) -> None:
        self._finish_group()
        if self._shard:
            with named(self.folder):
                self._shard.publish()
            self._shard = None


class _Shard:
    """A shard in hand: a hidden file until `publish` gives it its checksum as its name."""

    def __init__(self, folder: Path):
        handle, name = tempfile.mkstemp(dir=folder, prefix=_UNFINISHED, suffix=".parquet")
        os.close(handle)
        self.path, self.bytes = Path(name), 0

    def open(self, description: str) -> None:
        """Begin the file; `description` goes into its footer."""
        self._parquet = pq.ParquetWriter(
            self.path,
            SHARD.with_metadata({FOOTER_KEY: description}),
            # States are noise to a compressor: zstd saves 8 % and costs two thirds of the speed.
            compression={n: "zstd" if n == "spans" else "none" for n in SHARD.names},
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )

    def write(self, rows: list[dict]) -> None:
        """One row group."""
        self._parquet.write_table(pa.Table.from_pylist(rows, SHARD), row_group_size=len(rows))
        self.bytes += sum(len(row["states"]) for row in rows)

    def publish(self) -> None:
        self._parquet.close()
        with self.path.open("rb") as file:
            name = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        self.path.chmod(readable() & 0o444)
        self.path.replace(self.path.with_name(f"{name}.parquet"))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def _claim(folder: Path) -> Iterator[None]:
    """Hold a key's folder as one of its writers; the only one first removes what killed ones left.

    The lock ends with the process that holds it, however that ends.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a") as lock:
            if alone(lock):
                for path in folder.glob(f"{_UNFINISHED}*"):
                    path.unlink(missing_ok=True)
            fcntl.flock(lock, fcntl.LOCK_SH)
            # `gc` may have removed the folder between opening the lock and holding it.
            if os.fstat(lock.fileno()).st_nlink:
                yield
                return


def alone(lock: IO) -> bool:
    """Whether nobody else holds the lock of a key; the caller then holds it alone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def damaged_shards(folder: Path) -> list[Path]:
    """The shards whose content does not match the checksum in their name."""
    found = shards(folder)
    with ThreadPoolExecutor() as pool:
        names = pool.map(sha256, found)
        return [shard for shard, name in zip(found, names, strict=True) if shard.stem != name]
