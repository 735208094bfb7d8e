"""Which command a task of a job array runs, from what the executor itself hands over."""

import base64
import json
import subprocess
import sys
import zlib

import pytest
from snakemake_executor_plugin_slurm_jobstep import parse_array_execs

from seqfuse.plan.submission import array_task

OWN = "cd '/a b' && python -m snakemake --target-jobs 'part:n=2'"
SECOND = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "1"}


@pytest.fixture
def words():
    """The words of the first job's snakemake, with the commands of the second task beside them."""
    commands = {"2": zlib.compress(OWN.encode(), level=9).hex()}
    handed_over = base64.b64encode(json.dumps(commands).encode()).decode()
    assert parse_array_execs(handed_over) == commands
    start = ["--target-jobs", "part:n=1", "--executor", "slurm-jobstep", "--jobs", "1"]
    return lambda flag: [*start, *(word.format(handed_over) for word in flag)]


@pytest.mark.parametrize(
    "flag",
    [["--slurm-jobstep-array-execs={}"], ["--slurm-jobstep-array-execs", "{}"]],
    ids=["wrapped", "script"],
)
def test_a_task_runs_the_command_of_its_own_job(words, flag):
    assert array_task.own_command(words(flag), SECOND) == OWN


def test_the_first_task_and_jobs_outside_of_arrays_go_on(words):
    flag = ["--slurm-jobstep-array-execs={}"]
    first = SECOND | {"SLURM_ARRAY_TASK_ID": "1"}
    assert array_task.own_command(words(flag), first) is None
    assert array_task.own_command(words(flag), {}) is None
    # Below a task, where the executor has taken the flag away.
    assert array_task.own_command(words([]), SECOND) is None


def test_the_command_takes_the_place_of_the_process_and_its_folder(words, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    program = (
        "import os, sys; from pathlib import Path; from seqfuse.plan.submission import array_task;"
        "array_task.own_command = lambda *_: 'echo $$; exit 3';"
        "print(os.getpid(), flush=True); array_task.take_over(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, scratch], capture_output=True, text=True)
    before, after = done.stdout.split()
    assert before == after and done.returncode == 3 and not scratch.exists()
