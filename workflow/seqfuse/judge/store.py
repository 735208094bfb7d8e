"""The store of verdicts: JSON lines, one appended and synced the moment a verdict arrives.

A verdict's key is the hash of judge, prompt and inputs, so that the same question is never paid for
twice, whatever run or method asks it. Every file of the folder is read; a process appends to its
own. A line that is cut or corrupt is named and passed over, and its verdict asked again. So is a
malformed verdict, once.
"""

import json
import os
from pathlib import Path

from seqfuse.progress import say

# Times that a question is asked whose verdicts cannot be read.
_TRIES = 2


class Store:
    """Verdicts by key; `add` returns when the verdict is on disk."""

    def __init__(self, folder: Path, name: str):
        """Read every verdict under `folder`; new ones go to `folder/name.jsonl`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self._path = folder / f"{name}.jsonl"
        self._verdicts: dict[str, dict] = {}
        self._read: dict[Path, int] = {}
        self._catch_up()

    def __getitem__(self, key: str) -> dict:
        return self._verdicts[key]

    def holds(self, key: str) -> bool:
        """Whether the verdict is there by now, from this process or another one."""
        if not self._settled(key):
            self._catch_up()
        return self._settled(key)

    def add(self, verdict: dict, attempt: str) -> None:
        """Append the verdict of an attempt; it holds its "key". A second time changes nothing."""
        before = self._verdicts.get(verdict["key"], {})
        if before.get("attempt") == attempt:
            return
        verdict = verdict | {"attempt": attempt, "tries": before.get("tries", 0) + 1}
        line = json.dumps(verdict, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        with self._path.open("ab+") as handle:
            if handle.tell() and not _ends_whole(handle):
                line = b"\n" + line
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())
        self._verdicts[verdict["key"]] = verdict

    def under_way(self) -> list[Path]:
        """The files of batches that were sent, or were about to be, by whichever process."""
        return sorted(self.folder.glob("*.batch.*.json"))

    def _settled(self, key: str) -> bool:
        verdict = self._verdicts.get(key)
        return verdict is not None and (
            verdict["status"] != "malformed" or verdict["tries"] >= _TRIES
        )

    def _catch_up(self) -> None:
        """Read the whole lines that were appended since the last look."""
        for path in sorted(self.folder.glob("*.jsonl")):
            with path.open("rb") as handle:
                handle.seek(self._read.get(path, 0))
                for line in handle:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] = self._read.get(path, 0) + len(line)
                    if verdict := _parsed(line):
                        self._verdicts[verdict["key"]] = verdict
                    else:
                        say(f"{path}: a cut or corrupt line; its verdict is asked for again")


def _parsed(line: bytes) -> dict | None:
    try:
        verdict = json.loads(line)
    except ValueError:
        return None
    return verdict if isinstance(verdict, dict) and "key" in verdict else None


def _ends_whole(handle) -> bool:
    handle.seek(-1, os.SEEK_END)
    return handle.read(1) == b"\n"
