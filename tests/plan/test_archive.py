"""An archive holds what scores are made of, without data, and its numbers come out again."""

import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.plan.tools.archive import MANIFEST
from seqfuse.plan.tools.rescore import differences
from tests.plan.finished_run import NAME, finish, write


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a run of study B, scored and drawn."""
    results = finish(tmp_path_factory.mktemp("run") / "results" / "small")
    scored = results / "evaluation" / "codons" / NAME
    drawn = ["--figure", "fusion", "--out", str(results / "figures" / "fusion")]
    for kind in ("metrics", "comparisons"):
        drawn += [f"--{kind}", str(scored / f"{kind}.parquet")]
    assert main(["figures", *drawn]) == 0
    return results


@pytest.fixture(scope="module")
def archive(finished) -> Path:
    out = finished.parent / "small.zip"
    assert main(["archive", str(finished), "--out", str(out)]) == 0
    return out


def changed(archive: Path, out: Path, change, name: str, sign: bool = True) -> Path:
    """The archive with one member changed, signed again as its maker would, or not."""
    with zipfile.ZipFile(archive) as old:
        members = {member: old.read(member) for member in old.namelist()}
    members[name] = change(members[name])
    if sign:
        import hashlib

        manifest = json.loads(members[MANIFEST])
        manifest["files"][name] = hashlib.sha256(members[name]).hexdigest()
        members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(out, "w") as new:
        for member, content in members.items():
            new.writestr(member, content)
    return out


def test_an_archive_gives_every_number_again(archive, capsys):
    assert main(["rescore", str(archive)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("small: preset demo, seeds 0, 1, ")
    for name in ("metrics.parquet", "comparisons.parquet", "calibration.parquet", "fusion.csv"):
        assert any(f"{name}: " in line and line.endswith(", the same") for line in said), name
    assert said[-1] == "Every number equals the one reported."
    # What needs sequences or states is named.
    assert "lengths" in said[-2] and "confusion" in said[-2]


def test_an_archive_holds_no_sequence_and_no_question(archive, finished, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    name = f"sequences/{NAME}/records.parquet"
    rows = pq.read_table(tmp_path / name).to_pylist()
    given = pq.read_table(finished / name).to_pylist()
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    assert {len(row["sequence"]) for row in rows} == {64}
    assert all(row["question"] is None for row in rows)
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert given[0]["sequence"].encode() not in everything and b"secret" not in everything


def test_an_archive_of_the_same_run_has_the_same_bytes(archive, finished, tmp_path):
    assert main(["archive", str(finished), "--out", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_an_archive_whose_reported_score_was_changed_is_found_out(archive, tmp_path, capsys):
    name = f"evaluation/codons/{NAME}/metrics.parquet"

    def better(content: bytes) -> bytes:
        path = tmp_path / "metrics.parquet"
        path.write_bytes(content)
        rows = pq.read_table(path).to_pylist()
        row = next(r for r in rows if (r["method"], r["metric"]) == ("concat", "accuracy"))
        row["value"] += 0.01
        write(path, rows, tables.METRICS)
        return path.read_bytes()

    assert main(["rescore", str(changed(archive, tmp_path / "a.zip", better, name))]) == 2
    found = capsys.readouterr()
    assert f"{name}: " in found.out and "1 differ" in found.out
    assert "concat, method, none, accuracy: value was" in found.out
    assert "1 numbers differ from those reported" in found.err


def test_an_archive_that_was_damaged_is_refused(archive, tmp_path, capsys):
    name = f"codons/{NAME}/dna/cost.json"
    damaged = changed(archive, tmp_path / "a.zip", lambda old: old + b" ", name, sign=False)
    assert main(["rescore", str(damaged)]) == 2
    assert f"{name} is damaged" in capsys.readouterr().err
    (tmp_path / "b.zip").write_text("no zip")
    assert main(["rescore", str(tmp_path / "b.zip")]) == 2
    assert "not an archive of `seqfuse archive`" in capsys.readouterr().err


def test_an_archive_of_an_unfinished_run_is_refused(finished, tmp_path, capsys):
    assert main(["archive", str(tmp_path)]) == 2
    assert "no finished run" in capsys.readouterr().err
    lost = finished / "codons" / NAME / "dna" / "predictions.parquet"
    lost.rename(lost.with_name("kept"))
    assert main(["archive", str(finished), "--out", str(tmp_path / "a.zip")]) == 2
    assert "dna/predictions.parquet: missing" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()
    lost.with_name("kept").rename(lost)


def test_differences_of_two_tables_of_an_archive():
    row = {"name": "a", "text": "x", "value": 0.1 + 0.2, "low": float("nan")}
    same = row | {"value": 0.3}
    assert differences([row], [same], ("name",)) == (3, [])
    compared, lines = differences([row], [same | {"text": "y", "low": 0.0}], ("name",))
    assert (compared, lines) == (3, ["a: text was x, is y", "a: low was nan, is 0.0"])
    assert differences([row], [], ("name",))[1] == ["a: reported, but not computed again"]
    assert differences([], [row], ("name",))[1] == ["a: computed, but not reported"]
