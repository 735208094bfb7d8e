"""`python -m bench`: every measure runs to its end, and both sides of it agree."""

import importlib
import json
import os
import subprocess
import sys

import pytest

from bench.measure import GROUPS


def measured(root, out, group: str, *words: str) -> list[dict]:
    """The rows of a group, which runs to its end in a process of its own."""
    path = os.pathsep.join([str(root / "workflow"), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-m", "bench", group, "--repeats", "1", "--out", str(out), *words],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads(out.read_text())
    assert all(row["ours"] > 0 and row["baseline"] > 0 for row in rows)
    return rows


@pytest.mark.parametrize("group", ["prediction", "sequences"])
def test_a_tiny_measure_runs_to_its_end(root, tmp_path, group):
    """The groups that a tiny scale makes quick."""
    rows = measured(root, tmp_path / "out.json", group, "--scale", "0.0005")
    names = [take.__name__ for take in importlib.import_module(f"bench.{group}").MEASURES]
    assert [row["name"] for row in rows] == names


@pytest.mark.whole
@pytest.mark.parametrize("group", GROUPS)
def test_every_measure_runs_to_its_end_at_the_default_scale(root, tmp_path, group):
    names = [take.__name__ for take in importlib.import_module(f"bench.{group}").MEASURES]
    rows = measured(root, tmp_path / "out.json", group)
    assert [row["name"] for row in rows] == names


def test_a_prompt_of_a_measure_has_the_tokens_that_it_says(tmp_path):
    from bench import prediction

    method = prediction._method(tmp_path)
    prompts = [prediction._prompt(method, tokens) for tokens in (100, 400, 1000)]
    assert [method.encode(p, answer=False).length for p in prompts] == [100, 400, 1000]
