"""Runs `seqfuse data records` on an entry, as a rule does, and gives back what it wrote."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqfuse.cli import main


@dataclass
class Made:
    """What the command left behind: exit status, standard error, rows and card (or nothing)."""

    status: int
    said: str
    rows: list[dict]
    card: dict
    written: list[str]
    folder: Path

    def column(self, name: str) -> list:
        return [row[name] for row in self.rows]

    @property
    def wording(self) -> str:
        """Standard error without the test's folder, whose length is the machine's and the run's."""
        return self.said.replace(f"{self.folder}/", "")


@pytest.fixture
def make(tmp_path, capsys):
    """`make({"file.csv": "text", ...}, **entry)` writes the files and runs the command on them."""

    def run(texts: dict[str, str | bytes] | None = None, /, mirror=(), **entry) -> Made:
        for name, content in (texts or {}).items():
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(data)
        if texts and "files" not in entry:
            entry["files"] = [{"path": str(tmp_path / name)} for name in texts]
        out = tmp_path / "out"
        arguments = ["--out", str(out / "records.parquet"), "--card", str(out / "card.json")]
        if mirror:
            arguments += ["--mirror", *map(str, mirror)]
        entry = {"source": "files", "study": "codons"} | entry
        status = main(
            ["data", "records", "--name", "mine", "--entry", json.dumps(entry), *arguments]
        )
        written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
        rows = pq.read_table(out / "records.parquet").to_pylist() if not status else []
        card = json.loads(Path(out / "card.json").read_text()) if not status else {}
        return Made(status, capsys.readouterr().err, rows, card, written, tmp_path)

    return run
