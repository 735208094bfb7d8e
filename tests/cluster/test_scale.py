"""Job arrays, and jobs that Slurm preempts: ended together, and resumed as the same job."""

import json
import signal
import subprocess

import pytest

from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError
from seqfuse.plan import slurm

STORED = "results/tiny/embeddings/tiny-codons/dna.demo-nt.json"
PARTS = "embeddings_part"


def array_of(jobs) -> set[str]:
    """The numbers of the job arrays that these are tasks of."""
    return {job.get("ArrayJobId") for job in jobs}


def test_arrays_of_a_killed_snakemake_are_ended_and_their_parts_go_on(chain, on_cluster):
    """Two parts are one array. Snakemake dies and leaves its jobs; its successor ends the array by
    its number, and nobody else's jobs, before it submits it again."""
    chain.configure(jobs={"sequences_a_part": 30})
    chain.environment["SECONDS_A_PART"] = "600"
    run = chain.submit(STORED)
    running = ("RUNNING", "RUNNING")
    chain.wait_for("two tasks", lambda: tuple(j["JobState"] for j in chain.jobs(PARTS)) == running)
    [array] = array_of(chain.jobs(PARTS))
    assert array is not None
    on_cluster(chain)
    assert slurm.queued(chain.root) == [f"in Slurm's queue: {array} ({PARTS}: 2 running)"]
    hold = ["sbatch", "--parsable", "--mem=10", "--output=/dev/null", "--wrap=sleep 600"]
    here = subprocess.check_output(hold, cwd=chain.root, env=chain.cluster.environment, text=True)
    elsewhere = chain.cluster.run(*hold)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert "--unlock" in chain.finish(chain.submit(STORED), code=1)
    chain.finish(chain.submit("--unlock"))
    chain.environment["SECONDS_A_PART"] = "0"
    said = chain.finish(chain.submit(STORED))
    assert f"an earlier snakemake was killed here; ending its jobs first: {array}\n" in said
    states = [job["JobState"] for job in chain.jobs(PARTS)]
    assert states == ["CANCELLED"] * 2 + ["COMPLETED"] * 2
    assert len(array_of(chain.jobs(PARTS))) == 2
    left = set(chain.cluster.run("squeue", "-h", "-t", "RUNNING", "-o", "%A").split())
    assert {here.strip(), elsewhere.strip()} <= left
    chain.cluster.run("scancel", here.strip(), elsewhere.strip())
    receipt = json.loads((chain.root / STORED).read_text())
    store = Store(chain.root / receipt["store"] / receipt["key"])
    stored = [row.sequence for row in store.stream()]
    assert len(stored) == len(set(stored)) == len(store)


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
