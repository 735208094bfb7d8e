"""The store of verdicts: JSON lines, one appended and synced the moment a verdict arrives.

A verdict's key is the hash of judge, prompt and inputs, so that the same question is never paid for
twice, whatever run or method asks it. Every file of the folder is read; a process appends to its
own. A line that is cut or corrupt is named and passed over, and its verdict asked again.
"""

import json
import os
from pathlib import Path

from seqfuse.progress import say


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

    def __contains__(self, key: str) -> bool:
        return key in self._verdicts

    def __getitem__(self, key: str) -> dict:
        return self._verdicts[key]

    def holds(self, key: str) -> bool:
        """Whether the verdict is there by now, from this process or another one."""
        if key not in self._verdicts:
            self._catch_up()
        return key in self._verdicts

    def add(self, verdict: dict) -> None:
        """Append a verdict, which holds its "key"."""
        line = json.dumps(verdict, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        with self._path.open("ab+") as handle:
            if handle.tell() and not _ends_whole(handle):
                line = b"\n" + line
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())
        self._verdicts[verdict["key"]] = verdict

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
