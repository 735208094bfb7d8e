"""What a long job has done so far, one JSON line a part, in a hidden file beside its output."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from seqfuse.progress import say


class Journal:
    """The finished parts of a job by key, until `finish` takes the file away.

    `fingerprint` names everything that the parts depend on: a file with another one counts as none,
    and says so. A line that the end of a process cut counts as not written.
    """

    def __init__(self, out: Path, fingerprint: str):
        self.path = out.with_name(f".{out.name}.journal")
        self._done, size = _read(self.path)
        if self._done.pop("fingerprint", fingerprint) != fingerprint:
            say(f"{self.path}: made with another model, other data or code; starting anew")
            self._done, size = {}, 0
        if self._done:
            say(f"{self.path}: resuming behind {len(self._done)} batches")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8")
        self._file.truncate(size)
        if not size:
            self._write("fingerprint", fingerprint)

    def once(self, key: str, work: Callable[[], object]) -> object:
        """What `work` gives, as JSON knows it; computed now unless it was before."""
        if key not in self._done:
            self._done[key] = work()
            self._write(key, self._done[key])
        return self._done[key]

    def finish(self) -> None:
        """Take the file away: the output is written."""
        self._file.close()
        self.path.unlink()

    def _write(self, key: str, value: object) -> None:
        self._file.write(json.dumps([key, value], ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read(path: Path) -> tuple[dict[str, object], int]:
    """The entries of a journal, and how many bytes its whole lines have."""
    found: dict[str, object] = {}
    size = 0
    if path.is_file():
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            key, found[key] = json.loads(line)
            size += len(line)
    return found, size
