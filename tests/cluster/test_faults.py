"""One training chain through the faults that a cluster brings: it ends in the same tables."""

import pytest

CHAIN = "results/tiny/evaluation/codons/tiny-codons/metrics.parquet"
# A partition of one node, which no other test lets fail.
SPARE = "codons_train:slurm_partition=spare"


def states(project) -> list[str]:
    """How the training jobs ended, in order of submission."""
    return [job["JobState"] for job in project.jobs("codons_train")]


def assert_resumed(project, epochs: int) -> None:
    """The last training job did not repeat what an earlier one had saved, nor leave any out."""
    log = project.log("codons_train")
    resumed = int(log.split("resuming in epoch ")[1].split()[0])
    assert 1 <= resumed <= epochs
    assert f"epochs: {epochs - resumed + 1} done" in log


@pytest.fixture(scope="module")
def time_limited(embedded, cluster, tmp_path_factory, fresh):
    """A chain whose training outlasts its time limit, started ahead because it takes minutes."""
    project = fresh(embedded, tmp_path_factory.mktemp("limited") / "project", cluster)
    project.environment["SECONDS_A_STEP"] = "4"
    project.configure(jobs={"gpu": {"threads": 1, "mem_mb": 1500, "runtime": 1}})
    return project, project.submit(CHAIN, "--set-resources", SPARE)


@pytest.fixture(autouse=True)
def _ahead(time_limited):
    """Let the slowest test run beside the others."""


def test_a_cancelled_job_goes_on_where_it_was(chain, undisturbed):
    run = chain.submit(CHAIN)
    job = chain.wait_for_training()
    chain.cluster.run("scancel", job["JobId"])
    chain.finish(run)
    assert states(chain) == ["CANCELLED", "COMPLETED"]
    assert_resumed(chain, 12)
    assert chain.metrics == undisturbed


@pytest.mark.whole
def test_a_lost_node_is_replaced(chain, undisturbed):
    run = chain.submit(CHAIN)
    node = chain.wait_for_training()["NodeList"]
    chain.cluster.cut_power(node)
    try:
        chain.finish(run)
    finally:
        chain.cluster.restore(node)
    assert states(chain) == ["NODE_FAIL", "COMPLETED"]
    assert chain.jobs("codons_train")[-1]["NodeList"] != node
    assert chain.metrics == undisturbed


def test_a_job_over_its_memory_gets_more(chain, undisturbed):
    chain.environment["SECONDS_A_STEP"] = "0.2"
    # Less than torch and two snakemakes take; twice as much is enough.
    chain.configure(jobs={"gpu": {"threads": 1, "mem_mb": 500, "runtime": 10}})
    chain.finish(chain.submit(CHAIN))
    first, second = chain.jobs("codons_train")
    assert (first["JobState"], second["JobState"]) in {
        ("OUT_OF_MEMORY", "COMPLETED"),
        ("FAILED", "COMPLETED"),
    }
    memory = [int(job["MinMemoryNode"].removesuffix("M")) for job in (first, second)]
    assert memory[1] == 2 * memory[0]
    assert chain.metrics == undisturbed


@pytest.mark.whole
def test_the_controller_restarts(chain, undisturbed):
    run = chain.submit(CHAIN)
    chain.wait_for_training()
    chain.cluster.stop("slurmctld")
    chain.cluster.start_controller()
    chain.finish(run)
    assert states(chain) == ["COMPLETED"]
    assert chain.metrics == undisturbed


def test_a_time_limit_is_a_pause(time_limited, undisturbed):
    project, run = time_limited
    project.finish(run)
    assert states(project) == ["TIMEOUT", "COMPLETED"]
    limits = [job["TimeLimit"] for job in project.jobs("codons_train")]
    assert limits == ["00:01:00", "00:02:00"]
    assert_resumed(project, 12)
    assert project.metrics == undisturbed
