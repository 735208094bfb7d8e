"""A canary in Snakemake's graph: first where something waits for it, and never a reason to run."""

import subprocess
import sys

import pytest

SNAKEFILE = """
from seqfuse.canary.order import order_only

order_only({"canary"})


rule all:
    input:
        expand("out/{name}", name=config["names"]),


rule canary:
    output:
        temp("stamp"),
    shell:
        "echo canary >> ran; test ! -e dead; touch {output}"


rule train:
    input:
        canary=ancient("stamp"),
    output:
        "out/{name}",
    shell:
        "echo {wildcards.name} >> ran; touch {output}"
"""


@pytest.fixture
def workflow(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def run(folder, names: str, *words: str, code: int = 0) -> list[str]:
    """What runs, in order, when so many names are asked for."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    command += ["--config", f"names={list(names)}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    ran = folder / "ran"
    found = ran.read_text().split() if ran.exists() else []
    ran.unlink(missing_ok=True)
    return found


def test_it_runs_before_what_waits_and_makes_nothing_run(workflow):
    first, *others = run(workflow, "ab")
    assert first == "canary" and sorted(others) == ["a", "b"]
    assert not (workflow / "stamp").exists()
    assert run(workflow, "ab") == []
    assert run(workflow, "abc") == ["canary", "c"]
    # One that a killed run left behind neither counts nor makes anything run.
    (workflow / "stamp").touch()
    assert run(workflow, "abc") == []
    assert run(workflow, "abcd") == ["canary", "d"]


def test_one_that_fails_stops_what_waits(workflow):
    run(workflow, "a")
    (workflow / "dead").touch()
    assert run(workflow, "ab", "--keep-going", code=1) == ["canary"]
    (workflow / "dead").unlink()
    assert run(workflow, "ab") == ["canary", "b"]


def test_it_can_be_asked_for_and_forced(workflow):
    run(workflow, "a")
    assert run(workflow, "a", "--forceall") == ["canary", "a"]
    assert run(workflow, "a", "stamp") == ["canary"]
    assert (workflow / "stamp").exists()
    assert run(workflow, "a", "--forcerun", "canary") == ["canary"]
