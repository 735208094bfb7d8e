"""The store of verdicts: JSON lines, appended and synced the moment a verdict arrives.

A verdict's key is the hash of judge, prompt and texts, so that no question is paid for twice,
whichever run or method asks it. A process reads every file of the folder and appends to its own. A
truncated or corrupt line is reported and skipped, and its question is asked again. A question whose
verdict was malformed is asked once more.
"""

import json
import os
from pathlib import Path

from seqfuse.progress import say

# How often a question is asked whose verdicts are malformed.
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
        """Whether this or another process has stored the verdict by now."""
        if not self._settled(key):
            self._catch_up()
        return self._settled(key)

    def add(self, verdict: dict, attempt: str) -> None:
        """Append an attempt's verdict, which holds its "key". Repeating this changes nothing."""
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
        """The files of batches that any process sent, or was about to send."""
        return sorted(self.folder.glob("*.batch.*.json"))

    def _settled(self, key: str) -> bool:
        verdict = self._verdicts.get(key)
        return verdict is not None and (
            verdict["status"] != "malformed" or verdict["tries"] >= _TRIES
        )

    def _catch_up(self) -> None:
        """Read the complete lines that were appended since the last look."""
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
                        say(f"{path}: a truncated or corrupt line; its question is asked again")


def _parsed(line: bytes) -> dict | None:
    try:
        verdict = json.loads(line)
    except ValueError:
        return None
    return verdict if isinstance(verdict, dict) and "key" in verdict else None


def _ends_whole(handle) -> bool:
    handle.seek(-1, os.SEEK_END)
    return handle.read(1) == b"\n"
