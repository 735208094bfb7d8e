"""One training through the faults that a cluster brings: it ends in the same predictions."""

import signal

import pytest


@pytest.fixture(autouse=True)
def _ahead(time_limited):
    """Let what takes longest run beside the others; test_time_limit.py waits for it."""


def test_a_cancelled_job_goes_on_where_it_was(chain, trained, undisturbed, states, assert_resumed):
    run = chain.submit(trained)
    job = chain.wait_for_training()
    chain.cluster.run("scancel", job["JobId"])
    chain.finish(run)
    assert states(chain) == ["CANCELLED", "COMPLETED"]
    assert_resumed(chain)
    assert chain.predictions == undisturbed


@pytest.mark.whole
def test_a_lost_node_is_replaced(chain, trained, undisturbed, states):
    run = chain.submit(trained)
    node = chain.wait_for_training()["NodeList"]
    chain.cluster.cut_power(node)
    try:
        chain.finish(run)
    finally:
        chain.cluster.restore(node)
    assert states(chain) == ["NODE_FAIL", "COMPLETED"]
    assert chain.jobs("codons_train")[-1]["NodeList"] != node
    assert chain.predictions == undisturbed


def test_a_job_over_its_memory_gets_more(chain, trained, undisturbed):
    chain.environment["SECONDS_A_STEP"] = "0.2"
    # Less than torch and two snakemakes take; twice as much is enough.
    chain.configure(jobs={"gpu": {"threads": 1, "mem_mb": 500, "runtime": 10}})
    chain.finish(chain.submit(trained))
    first, second = chain.jobs("codons_train")
    assert (first["JobState"], second["JobState"]) in {
        ("OUT_OF_MEMORY", "COMPLETED"),
        ("FAILED", "COMPLETED"),
    }
    memory = [int(job["MinMemoryNode"].removesuffix("M")) for job in (first, second)]
    assert memory[1] == 2 * memory[0]
    assert chain.predictions == undisturbed


@pytest.mark.whole
def test_the_controller_restarts(chain, trained, undisturbed, states):
    run = chain.submit(trained)
    chain.wait_for_training()
    chain.cluster.stop("slurmctld")
    chain.cluster.start_controller()
    chain.finish(run)
    assert states(chain) == ["COMPLETED"]
    assert chain.predictions == undisturbed


@pytest.mark.whole
def test_training_resumes_behind_a_killed_snakemake(
    chain, trained, undisturbed, states, assert_resumed
):
    """Its job goes on without it, and is ended before another is submitted."""
    chain.environment["SECONDS_A_STEP"] = "3"
    run = chain.submit(trained)
    chain.wait_for_training()
    run.send_signal(signal.SIGKILL)
    run.wait()
    chain.finish(chain.submit("--unlock"))
    chain.environment["SECONDS_A_STEP"] = "0"
    assert "an earlier snakemake was killed here" in chain.finish(chain.submit(trained))
    assert states(chain) == ["CANCELLED", "COMPLETED"]
    assert_resumed(chain)
    assert chain.predictions == undisturbed
