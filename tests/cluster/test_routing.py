"""Which jobs go where, from Slurm's own records."""

import pytest

TARGETS = [f"results/tiny/evaluation/{suite}/metrics.parquet"
           for suite in ("codons/tiny-codons", "language/tiny")]  # fmt: skip
# What trains, embeds or answers computes on a GPU; what cleans, counts or scores does not.
GPU = {"embeddings", "language_pretrain", "language_finetune", "language_predict", "codons_train"}
CPU_STAGES = {"sequences", "controls", "evaluation"}


@pytest.fixture(scope="module")
def finished(tiny, accounted, tmp_path_factory, fresh):
    """Both studies' chains, from the data to the metrics, on a cluster with slurmdbd."""
    project = fresh(tiny, tmp_path_factory.mktemp("both") / "project", accounted)
    project.finish(project.submit(*TARGETS))
    return project


def test_every_rule_that_computes_ran_once_on_its_kind_of_node(finished, rule_of):
    jobs = finished.jobs()
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    names = [rule_of(job) for job in jobs]
    assert set(names) > GPU
    assert {name.split("_")[0] for name in set(names) - GPU} == CPU_STAGES
    for job in jobs:
        kind = "gpu" if rule_of(job) in GPU else "cpu"
        assert job["Partition"] == kind and job["NodeList"].startswith(kind), job
        assert ("gres/gpu:a100=1" in job["TRES"]) == (kind == "gpu"), job
        assert ("gpu" in job["TRES"]) == (kind == "gpu"), job


def test_memory_time_and_threads_are_as_declared(finished, rule_of):
    import yaml

    declared = yaml.safe_load((finished.root / "workflow/presets/demo.yaml").read_text())["jobs"]
    for job in finished.jobs():
        kind = declared["gpu" if rule_of(job) in GPU else "light"]
        assert kind["mem_mb"] <= int(job["MinMemoryNode"].removesuffix("M")) < 2 * kind["mem_mb"]
        assert job["TimeLimit"] == f"00:{kind['runtime']:02}:00"
        assert int(job["CPUs/Task"]) == kind["threads"]


def test_the_accounting_database_tells_the_same(finished):
    rows = finished.cluster.run("sacct", "-n", "-P", "-X", "-o", "JobID,Account,AllocTRES,State")
    jobs = {job["JobId"]: job for job in finished.jobs()}
    told = {row.split("|")[0]: row.split("|") for row in rows.splitlines()}
    assert set(jobs) <= set(told)
    for number, job in jobs.items():
        _, account, allocated, state = told[number]
        assert account == "project" and state == "COMPLETED"
        assert ("gres/gpu:a100=1" in allocated) == ("gres/gpu:a100=1" in job["TRES"])
