"""What a long job has done so far, one line a part, in a hidden file beside its output."""

import contextlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

from seqfuse.progress import say
from seqfuse.training.interruption.preemption import locked, set_aside

_FINGERPRINT = "fingerprint"


class Journal:
    """The finished parts of a job by key: a context manager that ends when the output is written,
    and takes the file away only then.

    `begin` says what the parts depend on: a file with another fingerprint counts as none, and says
    so. A last line that the end of a process cut counts as not written. A file with a line that
    does not match its checksum is set aside, and its other lines are kept.
    """

    def __init__(self, out: Path):
        self.path = out.with_name(f".{out.name}.journal")
        self._done: dict[str, object] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Journal":
        self._stack.enter_context(locked(self.path.with_suffix(".lock")))
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        with self._stack:
            if kind is None:
                self.path.unlink()

    def begin(self, fingerprint: str) -> None:
        """Take up the parts of an earlier process, if they were made from the same."""
        found, size, damage = _read(self.path)
        if damage:
            set_aside(self.path, damage, "what that line held is computed again")
            size = 0
        if found and found.pop(_FINGERPRINT, None) != fingerprint:
            say(f"{self.path}: made with another model, other data or code; starting anew")
            found, size = {}, 0
        if found:
            say(f"{self.path}: resuming behind {len(found)} of its parts")
        self._file = self._stack.enter_context(self.path.open("a", encoding="utf-8"))
        self._file.truncate(size)
        if not size:
            for key, value in {_FINGERPRINT: fingerprint, **found}.items():
                self._write(key, value)
        self._done = found

    def once(self, key: str, work: Callable[[], object]) -> object:
        """What `work` gives, as JSON knows it; computed now unless it was before."""
        if key not in self._done:
            self._done[key] = work()
            self._write(key, self._done[key])
        return self._done[key]

    def _write(self, key: str, value: object) -> None:
        entry = json.dumps([key, value], ensure_ascii=False)
        self._file.write(f"{_checksum(entry.encode())} {entry}\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read(path: Path) -> tuple[dict[str, object], int, str]:
    """The entries of a journal, how many bytes its whole lines have, and what is wrong with it."""
    found: dict[str, object] = {}
    size, damage = 0, ""
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            break
        size += len(line)
        checksum, _, entry = line[:-1].partition(b" ")
        if checksum.decode(errors="replace") == _checksum(entry):
            key, found[key] = json.loads(entry)
        else:
            damage = damage or f"line {number} does not match its checksum"
    return found, size, damage


def _checksum(entry: bytes) -> str:
    return f"{zlib.crc32(entry):08x}"
