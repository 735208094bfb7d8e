"""`seqfuse canary` in one process: its table, its JSON and its status."""

import json

import pytest

from seqfuse import cli
from seqfuse.canary import findings
from seqfuse.canary.findings import Finding


@pytest.fixture
def files(tmp_path):
    return {name: tmp_path / name for name in ("findings",)}


def canary(files, *words) -> int:
    """The exit status of a canary."""
    flags = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    try:
        return cli.main(["canary", *flags, *words])
    except SystemExit as ended:
        return ended.code


def test_canary_of_a_good_node_leaves_a_table(files, here, capsys, monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "node7")
    monkeypatch.setenv("SEQFUSE_DEVICE", "cpu")
    assert canary(files, "--submitted", here.dumps()) == 0
    told = json.loads(files["findings"].read_text())
    assert told["passed"] and told["start"] == here.start and told["request"] == "one_gpu"
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split() == ["node", "check", "verdict", "wanted", "found"]
    assert len(lines) == 1 + len(told["findings"]) == 9
    assert all(line.startswith("node7 ") for line in lines[1:])


def test_canary_tells_each_fault_in_one_line(files, here, capsys, monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "node7")
    assert canary(files, "--submitted", here.dumps()) == 1
    lines = capsys.readouterr().err.splitlines()
    failed = [line for line in lines if line.startswith("seqfuse canary: error: ")]
    assert len(failed) == 1 and failed[0].startswith(
        "seqfuse canary: error: node7: GPU: Slurm granted none"
    )
    told = findings.complaints(files["findings"], here.start)
    assert [f"seqfuse canary: error: {line}" for line in told] == failed
    [other] = findings.complaints(files["findings"], "another start")
    assert "written by another start" in other


def test_by_hand_no_folder_is_looked_at(files, capsys):
    assert canary(files) == 0
    assert "not checked without --submitted" in capsys.readouterr().err


def test_fewer_processes_than_asked_for_are_an_error(files, capsys):
    assert canary(files, "--processes", "2") == 2
    assert "--processes 2, but 1 started" in capsys.readouterr().err


def test_a_mangled_submission_is_an_error(files, capsys):
    assert canary(files, "--submitted", "{") == 2
    assert "not what snakemake writes into SEQFUSE_SUBMITTED" in capsys.readouterr().err


def test_a_line_says_node_thing_and_fix():
    finding = Finding("node7", "store room", "1 MB free", "2 MB", False, "free some space")
    assert finding.line == "node7: store room: 1 MB free (wanted: 2 MB); free some space"
