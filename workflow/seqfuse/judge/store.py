"""The store of verdicts: JSON lines, one appended and synced the moment a verdict arrives.

A verdict's key is the hash of judge, prompt and inputs, so that the same question is never paid for
twice, whatever run or method asks it. Every file of the folder is read; a process appends to its
own. A line that a crash cut short is passed over, and its verdict asked again.
"""

import json
import os
from pathlib import Path


class Store:
    """Verdicts by key; `add` returns when the verdict is on disk."""

    def __init__(self, folder: Path, name: str):
        """Read every verdict under `folder`; new ones go to `folder/name.jsonl`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        self._verdicts: dict[str, dict] = {}
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                verdict = _parsed(line)
                if verdict:
                    self._verdicts[verdict["key"]] = verdict

    def __contains__(self, key: str) -> bool:
        return key in self._verdicts

    def __getitem__(self, key: str) -> dict:
        return self._verdicts[key]

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


def _parsed(line: bytes) -> dict | None:
    try:
        verdict = json.loads(line)
    except ValueError:
        return None
    return verdict if isinstance(verdict, dict) and "key" in verdict else None


def _ends_whole(handle) -> bool:
    handle.seek(-1, os.SEEK_END)
    return handle.read(1) == b"\n"
