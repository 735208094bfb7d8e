"""The finished batches of a long job, one per line, in a hidden file beside its output.

The batches of one job may also be dealt out to several: the output of a part is its journal, and
the job that joins the parts takes all batches from these.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from seqfuse.errors import UserError
from seqfuse.progress import say
from seqfuse.training.distributed.parts import Part
from seqfuse.training.interruption.preemption import locked, set_aside

_FINGERPRINT = "fingerprint"


class Journal:
    """The finished batches of a job by key: a context manager around the writing of its output.

    If the block succeeds, the journal is removed; with a `part`, it becomes the output instead, and
    batches of other parts are left out. `parts` are such outputs, from which batches are taken.

    `begin` says what the batches depend on: a journal with another fingerprint is discarded with a
    message. An incomplete last line counts as not written. A file with a line that does not match
    its checksum is set aside, and its other lines are kept. The content of batches is not held in
    memory.
    """

    def __init__(self, out: Path, part: Part | None = None, parts: Sequence[Path] = ()):
        self.path = out.with_name(f".{out.name}.journal")
        self._out, self._part, self._parts = out, part, parts
        self._places: dict[str, int] = {}  # the offset of each batch's line
        self._gathered: dict[str, tuple[BinaryIO, int]] = {}  # the same for batches of parts
        self._asked = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Journal":
        self._stack.enter_context(locked(self.path.with_suffix(".lock")))
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        with self._stack:
            if kind is None and self._part:
                self.path.replace(self._out)
            elif kind is None:
                self.path.unlink()

    def begin(self, fingerprint: str) -> None:
        """Use the batches of an earlier process, and of parts, with this fingerprint."""
        self._file = self._stack.enter_context(self.path.open("a+b"))
        self._places, size, damage = _lines(self._file)
        if damage:
            whole, places = self._file, self._places
            set_aside(self.path, damage, "the batch of that line is computed again")
            self._file = self._stack.enter_context(self.path.open("a+b"))
            size = sum(self._append(_line(whole, place)) for place in places.values())
            self._places, _, _ = _lines(self._file)
        before = self._places.pop(_FINGERPRINT, None)
        if size and (before is None or _entry(_line(self._file, before))[1] != fingerprint):
            say(f"{self.path}: made with another model, other data or code; starting from scratch")
            self._places, size = {}, 0
        if self._places:
            say(f"{self.path}: resuming after {len(self._places)} of its parts")
        self._file.truncate(size)
        if not size:
            self._write(_FINGERPRINT, fingerprint)
        for path in self._parts:
            self._gather(path, fingerprint)

    def kept(self, key: str) -> object | None:
        """A batch that is already finished, or None."""
        if key in self._places:
            return _entry(_line(self._file, self._places[key]))[1]
        return _entry(_line(*self._gathered[key]))[1] if key in self._gathered else None

    def once(self, key: str, work: Callable[[], object]) -> object | None:
        """The result of `work` as JSON, computed only if it is not in the journal yet; None for a
        batch of another part."""
        place, self._asked = self._asked, self._asked + 1
        if self._part and not self._part.deals(place):
            return None
        if key in self._places or key in self._gathered:
            return self.kept(key)
        value = work()
        self._places[key] = self._write(key, value)
        return value

    def _write(self, key: str, value: object) -> int:
        """Append a batch; the offset of its line."""
        entry = json.dumps([key, value], ensure_ascii=False).encode()
        self._append(b"%s %s\n" % (_checksum(entry).encode(), entry))
        os.fsync(self._file.fileno())
        return self._file.tell() - len(entry) - len(_checksum(entry)) - 2

    def _append(self, line: bytes) -> int:
        self._file.seek(0, os.SEEK_END)
        self._file.write(line)
        self._file.flush()
        return len(line)

    def _gather(self, path: Path, fingerprint: str) -> None:
        """Note the batches of a part. Another fingerprint is an error, because recomputing its
        batches here would take as long as all parts together."""
        file = self._stack.enter_context(path.open("rb"))
        places, _, damage = _lines(file)
        begun = places.pop(_FINGERPRINT, None)
        if damage or begun is None or _entry(_line(file, begun))[1] != fingerprint:
            why = damage or "it was made with another model, other data, code or kind of device"
            raise UserError(f"{path}: {why}; delete it, so that this part is answered again")
        self._gathered |= {key: (file, place) for key, place in places.items()}


def _lines(file: BinaryIO) -> tuple[dict[str, int], int, str]:
    """The offset of each complete line by key, the size of these lines, and what is damaged."""
    places, size, damage = {}, 0, ""
    file.seek(0)
    for number, line in enumerate(file, start=1):
        if not line.endswith(b"\n"):
            break
        checksum, _, entry = line[:-1].partition(b" ")
        if checksum.decode(errors="replace") == _checksum(entry):
            places[_entry(line)[0]] = size
        else:
            damage = damage or f"line {number} does not match its checksum"
        size += len(line)
    return places, size, damage


def _line(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.readline()


def _entry(line: bytes) -> tuple[str, object]:
    """Key and value of a complete line."""
    return json.loads(line.partition(b" ")[2])


def _checksum(entry: bytes) -> str:
    return f"{zlib.crc32(entry):08x}"
