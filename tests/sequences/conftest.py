"""Runs `seqfuse sequences` on a table of records, as a rule does, and gives back what it wrote."""

import shutil
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.files import read_json


@dataclass
class Cleaned:
    """What the command left behind: exit status, standard error, and the four files."""

    status: int
    said: str
    rows: list[dict]
    rejects: list[dict]
    frames: list[dict]
    audit: dict

    def column(self, name: str) -> list:
        return [row[name] for row in self.rows]

    @property
    def reasons(self) -> dict[int, str]:
        """Row number in the input (from 1) -> why it was rejected."""
        return {row["row"]: row["reason"] for row in self.rejects}


@pytest.fixture
def clean(tmp_path, capsys):
    """`clean(rows, study="language", **settings)`; ids and split are filled in where absent."""

    def run(rows: list, study: str = "language", **settings) -> Cleaned:
        rows = [row if isinstance(row, dict) else {"sequence": row} for row in rows]
        rows = [{"id": f"r{i}", "split": "train"} | row for i, row in enumerate(rows, start=1)]
        records, out = tmp_path / "records.parquet", tmp_path / "out"
        tables.write(records, tables.from_rows(rows, tables.RECORDS), tables.RECORDS)
        flags = ["--coding"] if settings.pop("coding", False) else []
        flags += [w for k, v in settings.items() for w in (f"--{k.replace('_', '-')}", str(v))]
        shutil.rmtree(out, ignore_errors=True)
        arguments = ["--records", str(records), "--study", study, "--out", str(out), *flags]
        status = main(["sequences", *arguments])
        said = capsys.readouterr().err
        if status:
            assert not out.exists()
            return Cleaned(status, said, [], [], [], {})
        kept = tables.read(out / "records.parquet", tables.CLEAN).to_pylist()
        rejects = tables.read(out / "rejects.parquet", tables.REJECTS).to_pylist()
        frames = out / "frames.parquet"
        assert frames.exists() == (study == "codons" or "cds" in settings)
        found = pq.read_table(frames).to_pylist() if frames.exists() else []
        # Whatever the policy: every row that was read is kept or rejected, once.
        assert len(kept) + len(rejects) == len(rows)
        assert sorted([r["id"] for r in kept + rejects]) == sorted(r["id"] for r in rows)
        assert all(rows[reject["row"] - 1]["id"] == reject["id"] for reject in rejects)
        audit = read_json(out / "audit.json")
        assert audit["rows"] == {"read": len(rows), "kept": len(kept), "rejected": len(rejects)}
        return Cleaned(status, said, kept, rejects, found, audit)

    return run
