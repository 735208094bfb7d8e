"""A submission that fails, in the executor's words; Slurm itself is played by small scripts."""

import logging
import os
from types import SimpleNamespace

import pytest

from seqfuse.plan.submission import slurm, unwatched

RUN = "seqfuse_c6a17496-59cf-4941-aeef-487be0daa441"
TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
ALONE = f"SLURM sbatch failed. The error message was '{TIMED_OUT}'.\n    sbatch call:\n        x\n"
ARRAY = (
    f"SLURM sbatch failed for array job submission (tasks 1-2). The error message was"
    f" '{TIMED_OUT}'.\n    sbatch call:\n        {'x' * 9000}\n"
)
TASK = "Part of failed array sbatch submission (tasks 1-2); see log for details."
UNREAD = "Job submission failed with exception: No valid SLURM job ID found in: ."


class Job(SimpleNamespace):
    """A job of Snakemake; `numbers` are those that the executor got for it."""

    __hash__ = object.__hash__


def job(number: int, *wildcards: str, numbers=()) -> Job:
    return Job(number=number, rule=SimpleNamespace(name="part"), wildcards=wildcards, known=numbers)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Write the queue, one row `number state comment` each; scancel takes jobs out of it."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    for name, script in {
        "squeue": "cat queue",
        "scancel": 'echo $* >> cancelled; for job in "$@"; do sed -i "/^$job|/d" queue; done',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        (tmp_path / name).chmod(0o755)

    def write(*rows: str) -> None:
        lines = [row.replace(" ", "|").split("|") for row in rows]
        text = "".join(f"{n}|{state}|{RUN}|{comment}|{tmp_path}\n" for n, state, comment in lines)
        (tmp_path / "queue").write_text(text)

    write.cancelled = lambda: (
        (tmp_path / "cancelled").read_text().split() if (tmp_path / "cancelled").exists() else []
    )
    return write


def workflow(*jobs, executor="slurm"):
    return SimpleNamespace(
        dag=SimpleNamespace(jobs=jobs, jobid=lambda job: job.number),
        persistence=SimpleNamespace(external_jobids=lambda job: job.known),
        executor_plugin=SimpleNamespace(name=executor),
    )


def hear(filtered, message: str, number: int = 1) -> logging.LogRecord:
    """The record of a job's failure behind the filter."""
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, "Error in rule", (), None)
    facts = {"event": "job_error", "jobid": number, "rule_name": "part", "log": ["results/log"]}
    record.__dict__.update(facts, rule_msg=message)
    assert filtered.filter(record)
    return record


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (ALONE, "Socket timed out on send/recv operation"),
        (ARRAY, "Socket timed out on send/recv operation"),
        (TASK, "Part of failed array sbatch submission"),
        (UNREAD, "No valid SLURM job ID found in: ."),
        ("SLURM-job '7' failed, SLURM status is: 'FAILED'.", None),
    ],
)
def test_why_a_submission_failed(message, cause):
    assert unwatched.failure(message) == cause


def test_what_slurm_took_is_ended_before_the_job_is_submitted_again(queue, tmp_path, capsys):
    other = job(2, "b", numbers=["8"])
    filtered = unwatched.FailedSubmissions(workflow(job(1, "a/c"), other), tmp_path)
    queue("7 PENDING rule_part_wildcards_a_c", "8 RUNNING rule_part_wildcards_b")
    record = hear(filtered, ALONE)
    assert queue.cancelled() == ["7"]
    assert (
        record.rule_msg == "not submitted: sbatch failed: Socket timed out on send/recv operation"
    )
    assert record.log == []
    assert capsys.readouterr().err.splitlines() == [
        "sbatch failed for part: Socket timed out on send/recv operation",
        "Slurm has taken it all the same; ending that job first: 7",
    ]


def test_an_array_that_bears_the_name_of_the_job_and_is_watched_goes_on(queue, tmp_path):
    """The first task of array 7 failed and was to be submitted alone; the second runs."""
    filtered = unwatched.FailedSubmissions(
        workflow(job(1, "a", numbers=["7_1"]), job(2, "b", numbers=["7_2"])), tmp_path
    )
    queue("7 RUNNING rule_part_wildcards_a", "9 PENDING rule_part_wildcards_a")
    hear(filtered, ALONE)
    assert queue.cancelled() == ["9"]


def test_a_job_that_fails_on_its_node_is_left_as_it_is(queue, tmp_path, capsys):
    filtered = unwatched.FailedSubmissions(workflow(job(1, "a")), tmp_path)
    queue("7 RUNNING rule_part_wildcards_a")
    words = "SLURM-job '7' failed, SLURM status is: 'FAILED'."
    record = hear(filtered, words)
    assert (record.rule_msg, record.log) == (words, ["results/log"])
    assert queue.cancelled() == [] and capsys.readouterr().err == ""


def test_the_command_of_a_job_array_is_not_shown(tmp_path):
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, ARRAY, (), None)
    assert unwatched.FailedSubmissions(workflow(), tmp_path).filter(record)
    assert record.getMessage() == (
        "sbatch failed for a job array: Socket timed out on send/recv operation"
    )


def test_a_queue_that_cannot_be_read_is_told(queue, tmp_path, capsys):
    (tmp_path / "squeue").write_text("#!/bin/sh\necho 'squeue: error: no controller' >&2; exit 1\n")
    hear(unwatched.FailedSubmissions(workflow(job(1, "a")), tmp_path), ALONE)
    unwatched.end(workflow(), finished=False)
    assert capsys.readouterr().err.splitlines()[1:] == [
        "whether Slurm has taken it all the same is not known: squeue: no controller",
        "what this run leaves in Slurm's queue is not known: squeue: no controller",
    ]


def test_whatever_goes_wrong_the_executor_is_told_of_the_failure(queue, tmp_path, capsys):
    """It would wait for the job without end if the filter raised."""
    record = hear(unwatched.FailedSubmissions(workflow(), tmp_path), ALONE, number=9)
    assert record.rule_msg.startswith("not submitted: ")
    assert "all the same is not known: StopIteration\n" in capsys.readouterr().err


def test_a_command_without_an_answer_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "_SECONDS_TO_ANSWER", 0.1)
    with pytest.raises(slurm.UserError, match=r"^sleep: no answer within 0 s; `scontrol ping` t"):
        slurm.run("sleep", "60")


def test_what_a_run_leaves_in_the_queue_is_ended(queue, capsys):
    rows = ("1 COMPLETING rule_part", "2 RUNNING rule_part", "3 PENDING rule_other")
    queue(*rows)
    unwatched.end(workflow(executor="local"), finished=False)
    assert queue.cancelled() == []
    unwatched.end(workflow(), finished=True)
    assert queue.cancelled() == ["3"]
    ended, twice = capsys.readouterr().err.splitlines()
    assert ended == "still in Slurm's queue; ending them: 3"
    assert twice.startswith("part was submitted twice, and job 2 makes its outputs again: wait")
    queue(*rows)
    unwatched.end(workflow(), finished=False)
    assert queue.cancelled()[1:] == ["2", "3"]
