"""What a long job has done so far, one line a part, in a hidden file beside its output."""

import contextlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from seqfuse.progress import say
from seqfuse.training.interruption.preemption import locked, set_aside

_FINGERPRINT = "fingerprint"


class Journal:
    """The finished parts of a job by key: a context manager that ends when the output is written,
    and takes the file away only then.

    `begin` says what the parts depend on: a file with another fingerprint counts as none, and says
    so. A last line that the end of a process cut counts as not written. A file with a line that
    does not match its checksum is set aside, and its other lines are kept. What the parts hold is
    not in memory.
    """

    def __init__(self, out: Path):
        self.path = out.with_name(f".{out.name}.journal")
        self._places: dict[str, int] = {}  # of each part, where its line begins
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
        self._file = self._stack.enter_context(self.path.open("a+b"))
        size, damage = self._find_parts()
        if damage:
            whole, places = self._file, self._places
            set_aside(self.path, damage, "what that line held is computed again")
            self._file = self._stack.enter_context(self.path.open("a+b"))
            size = sum(self._append(_line(whole, place)) for place in places.values())
            self._find_parts()
        before = self._places.pop(_FINGERPRINT, None)
        if size and (before is None or _entry(_line(self._file, before))[1] != fingerprint):
            say(f"{self.path}: made with another model, other data or code; starting anew")
            self._places, size = {}, 0
        if self._places:
            say(f"{self.path}: resuming behind {len(self._places)} of its parts")
        self._file.truncate(size)
        if not size:
            self._write(_FINGERPRINT, fingerprint)

    def kept(self, key: str) -> object | None:
        """A part that was had before, or None."""
        if key not in self._places:
            return None
        return _entry(_line(self._file, self._places[key]))[1]

    def once(self, key: str, work: Callable[[], object]) -> object:
        """What `work` gives, as JSON knows it; computed now unless it was before."""
        if key in self._places:
            return self.kept(key)
        value = work()
        self._places[key] = self._write(key, value)
        return value

    def _write(self, key: str, value: object) -> int:
        """Append a part; where it stands."""
        entry = json.dumps([key, value], ensure_ascii=False).encode()
        self._append(b"%s %s\n" % (_checksum(entry).encode(), entry))
        os.fsync(self._file.fileno())
        return self._file.tell() - len(entry) - len(_checksum(entry)) - 2

    def _append(self, line: bytes) -> int:
        self._file.seek(0, os.SEEK_END)
        self._file.write(line)
        self._file.flush()
        return len(line)

    def _find_parts(self) -> tuple[int, str]:
        """Note where each whole line begins: how many bytes these have, and what is wrong."""
        self._places, size, damage = {}, 0, ""
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                break
            checksum, _, entry = line[:-1].partition(b" ")
            if checksum.decode(errors="replace") == _checksum(entry):
                self._places[_entry(line)[0]] = size
            else:
                damage = damage or f"line {number} does not match its checksum"
            size += len(line)
        return size, damage


def _line(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.readline()


def _entry(line: bytes) -> tuple[str, object]:
    """Key and value of a whole line."""
    return json.loads(line.partition(b" ")[2])


def _checksum(entry: bytes) -> str:
    return f"{zlib.crc32(entry):08x}"
