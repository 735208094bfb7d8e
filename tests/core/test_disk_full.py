"""A full disk is one line that names the file and the fix; nothing half-written stays."""

import json
import tempfile
from pathlib import Path

import pytest

from seqfuse.cli import main


@pytest.fixture
def fill_disk(monkeypatch):
    """From now on, a temporary file or a file in a temporary folder whose name holds `part` is a
    link to /dev/full, to which nothing can be written."""

    def full(part):
        make_file, make_folder = tempfile.mkstemp, tempfile.mkdtemp

        def mkstemp(suffix="", prefix="", dir=None, **kwargs):
            handle, name = make_file(suffix, prefix, dir, **kwargs)
            if part in prefix:
                Path(name).unlink()
                Path(name).symlink_to("/dev/full")
            return handle, name

        def mkdtemp(*args, **kwargs):
            folder = make_folder(*args, **kwargs)
            (Path(folder) / f"{part}.parquet").symlink_to("/dev/full")
            return folder

        monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
        monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)

    return full


@pytest.fixture
def refused(capsys):
    """Run a command that finds no space; gives its one line."""

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        (line,) = [text for text in capsys.readouterr().err.splitlines() if "error:" in text]
        assert line.endswith("No space left on device; free some space and run this again")
        return line

    return run


@pytest.fixture
def source(tmp_path):
    """A file of ten records."""
    path = tmp_path / "rows.csv"
    rows = "".join(f"ATGGC{'ACGT'[i % 4]},{i},train\n" for i in range(10))
    path.write_text("sequence,value,split\n" + rows)
    return path


def test_every_stage_up_to_the_store(source, tmp_path, fill_disk, refused, monkeypatch):
    entry = {"source": "files", "study": "codons", "files": [{"path": str(source)}]}
    records, cleaned = tmp_path / "data" / "records.parquet", tmp_path / "cleaned"
    read = ["data", "records", "--name", "x", "--entry", json.dumps(entry), "--out", records]
    read += ["--card", records.with_name("card.json")]
    clean = ["sequences", "--records", records, "--study", "codons", "--out", cleaned]
    model, receipt = tmp_path / "model", tmp_path / "receipts" / "receipt.json"
    scratch = ["data", "model", "--name", "m", "--entry", '{"kind":"scratch","layout":"rna-fm"}']
    fill_disk("model.safetensors")
    assert f"{model.name}." in refused(*scratch, "--out", model)
    assert not model.exists() and not list(tmp_path.glob(".model*"))
    monkeypatch.undo()
    assert main([*scratch, "--out", str(model)]) == 0
    embed = ["embeddings", "write", "--table", cleaned / "frames.parquet", "--columns", "rna"]
    embed += ["--model", model, "--store", tmp_path / "store", "--out", receipt]

    fill_disk("records")
    assert f"error: {records}: " in refused(*read)
    assert not list(records.parent.iterdir())
    monkeypatch.undo()
    assert main([str(word) for word in read]) == 0

    fill_disk("records")
    assert f"error: {cleaned}: " in refused(*clean)
    assert not cleaned.exists() and not list(tmp_path.glob(".cleaned*"))
    monkeypatch.undo()
    assert main([str(word) for word in clean]) == 0

    fill_disk(".shard-")
    line = refused(*embed)
    (key,) = (tmp_path / "store").iterdir()
    assert f"error: {key}: " in line
    assert {path.name for path in key.iterdir()} == {"key.json"}
    assert not receipt.exists()
    monkeypatch.undo()
    assert main([str(word) for word in embed]) == 0
