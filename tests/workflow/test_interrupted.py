"""Runs that are killed at random moments end in the bytes of an undisturbed one."""

import random
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_five_runs_interrupted_at_random_moments_end_in_the_same_bytes(root, record_property):
    seed = random.randrange(2**32)
    record_property("seed", seed)
    command = [sys.executable, "tests/kills.py", "--quick", "--runs", "5", "--seed", str(seed)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
