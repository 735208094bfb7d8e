"""Job arrays, and jobs that Slurm preempts: ended together, and resumed as the same job."""

import json
import signal
import subprocess
from collections import Counter

import pytest

from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError
from seqfuse.plan.submission import slurm

STORED = "results/tiny/embeddings/tiny-codons/dna.demo-nt.json"
PARTS = "embeddings_part"
LOG = "snakemake.txt"
# sbatch as a busy controller has it: the first submission is made and said to have failed.
SBATCH = """#!/bin/sh
case "$*" in *--test-only*) exec {sbatch} "$@" ;; esac
mkdir {failed} 2>/dev/null || exec {sbatch} "$@"
{sbatch} "$@" > /dev/null
echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2
exit 1
"""


def array_of(jobs) -> set[str]:
    """The numbers of the job arrays that these are tasks of."""
    return {job.get("ArrayJobId") for job in jobs}


def fail_after_submission(project) -> None:
    """Let the project's next sbatch submit, and fail."""
    wrapper, failed = project.root / "bin" / "sbatch", project.root / "failed"
    sbatch = project.cluster.folder / "bin" / "sbatch"
    wrapper.write_text(SBATCH.format(sbatch=sbatch, failed=failed))
    wrapper.chmod(0o755)


def states_of(project) -> list[str]:
    """How the tasks of arrays stand or ended, in the order of the alphabet."""
    return sorted(job["JobState"] for job in project.jobs(PARTS))


def kept(project) -> int:
    """Parts that have left their receipt."""
    return len(list(project.root.glob("results/tiny/embeddings/tiny-codons/parts/*.json")))


def test_arrays_end_with_snakemake_and_their_parts_go_on(chain, on_cluster):
    """Three parts are one array, whose first task has finished. Ctrl-C ends the others and leaves
    what the first made. The same command submits those two alone. Now snakemake dies and leaves its
    jobs; its successor ends the array by its number, and nobody else's jobs, before it submits it
    again. Slurm takes it, sbatch fails, and that array is ended too, so that no part runs twice."""
    on_cluster(chain)
    chain.configure(jobs={"sequences_a_part": 20})
    chain.environment |= {"SECONDS_A_PART": "600", "QUICK_TASK": "1"}
    run = chain.submit(STORED)
    two_run = ["RUNNING", "RUNNING"]
    chain.wait_for("one of three has finished", lambda: states_of(chain) == ["COMPLETED", *two_run])
    chain.wait_for("snakemake knows", lambda: "[1/4] " in (chain.root / LOG).read_text())
    run.send_signal(signal.SIGINT)
    chain.finish(run, code=1)
    chain.wait_for("the queue is empty", lambda: not slurm.queue(chain.root))
    interrupted = ["CANCELLED", "CANCELLED", "COMPLETED"]
    assert states_of(chain) == interrupted and kept(chain) == 1
    [first] = array_of(chain.jobs(PARTS))

    chain.environment["QUICK_TASK"] = ""
    run = chain.submit(STORED)
    chain.wait_for("two tasks", lambda: states_of(chain) == [*interrupted, *two_run])
    [array] = array_of(chain.jobs(PARTS)) - {first}
    assert array is not None
    assert slurm.queued(chain.root) == [f"in Slurm's queue: {array} ({PARTS}: 2 running)"]
    hold = ["sbatch", "--parsable", "--mem=10", "--output=/dev/null", "--wrap=sleep 600"]
    here = subprocess.check_output(hold, cwd=chain.root, env=chain.cluster.environment, text=True)
    elsewhere = chain.cluster.run(*hold)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert "--unlock" in chain.finish(chain.submit(STORED), code=1)
    chain.finish(chain.submit("--unlock"))

    chain.environment["SECONDS_A_PART"] = "0"
    fail_after_submission(chain)
    said = chain.finish(chain.submit(STORED))
    assert f"an earlier snakemake was killed here; ending its jobs first: {array}\n" in said
    [third] = array_of(chain.jobs(PARTS)) - {first, array, None}
    told = "sbatch failed for a job array: Socket timed out on send/recv operation\n"
    assert told in said and "sbatch call" not in said
    assert f"Slurm has taken it all the same; ending that job first: {third}\n" in said
    # The third was one record still, if none of its tasks had started.
    assert Counter(states_of(chain))["COMPLETED"] == 3
    assert set(states_of(chain)) == {"CANCELLED", "COMPLETED"}
    left = set(chain.cluster.run("squeue", "-h", "-t", "RUNNING", "-o", "%A").split())
    assert {here.strip(), elsewhere.strip()} <= left
    chain.cluster.run("scancel", here.strip(), elsewhere.strip())
    receipt = json.loads((chain.root / STORED).read_text())
    store = Store(chain.root / receipt["store"] / receipt["key"])
    stored = [row.sequence for row in store.stream()]
    assert len(stored) == len(set(stored)) == len(store)


@pytest.mark.whole
def test_a_training_that_slurm_took_although_sbatch_failed_runs_once(chain, trained, undisturbed):
    fail_after_submission(chain)
    said = chain.finish(chain.submit(trained))
    assert "sbatch failed for codons_train: Socket timed out on send/recv operation\n" in said
    states = [job["JobState"] for job in chain.jobs("codons_train")]
    assert states == ["CANCELLED", "COMPLETED"] and chain.predictions == undisturbed


@pytest.mark.whole
def test_on_sigterm_running_tasks_finish_and_nothing_more_is_submitted(chain, on_cluster):
    """The second task ends long before the first, and is not taken for failed on that account."""
    on_cluster(chain)
    chain.configure(jobs={"sequences_a_part": 30})
    chain.environment |= {"SECONDS_A_PART": "45", "QUICK_TASK": "2"}
    run = chain.submit(STORED)
    chain.wait_for("one of two has finished", lambda: states_of(chain) == ["COMPLETED", "RUNNING"])
    run.send_signal(signal.SIGTERM)
    chain.finish(run, code=1)
    assert states_of(chain) == ["COMPLETED", "COMPLETED"] and kept(chain) == 2
    assert not slurm.queue(chain.root) and len(chain.jobs()) == 2
    chain.finish(chain.submit(STORED))
    assert len(chain.jobs(PARTS)) == 2 and len(chain.jobs()) == 3


def test_preempted_jobs_are_requeued_by_slurm_and_resume(chain, trained, undisturbed, on_cluster):
    """An urgent job takes the node; the training is the same job before and behind it."""
    site = slurm.Submission("slurm/partitions.yaml", None, 50, requeue=False)
    on_cluster(chain)
    with pytest.raises(UserError, match="partition spot: Slurm requeues the jobs that it preempts"):
        slurm.check_preemption(site, [{"gpu": 1, "slurm_partition": "spot"}])
    chain.profile(slurm_no_requeue=None, slurm_requeue=True)
    run = chain.submit(trained, "--set-resources", "codons_train:slurm_partition=spot")
    chain.wait_for_training()
    urgent = ("sbatch", "-p", "urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 5")
    chain.cluster.run(*urgent)
    chain.wait_for(
        "the training is taken off the node",
        lambda: chain.jobs("codons_train")[-1]["JobState"] != "RUNNING",
    )
    chain.finish(run)
    [job] = chain.jobs("codons_train")
    assert job["JobState"] == "COMPLETED" and job["Restarts"] == "1"
    assert "resuming in epoch" in chain.log("codons_train")
    assert chain.predictions == undisturbed
