"""Which jobs go where, from Slurm's own records."""

import json

import pytest
import yaml

TARGETS = [f"results/tiny/evaluation/{suite}/metrics.parquet"
           for suite in ("codons/tiny-codons", "language/tiny")]  # fmt: skip
# The stages whose jobs compute with a model, and those that clean, count or score.
GPU_STAGES = {"embeddings", "language", "codons"}
LIGHT = {"language_leakage"}  # reads tables alone
CPU_STAGES = {"sequences", "controls", "evaluation"}
TRAINING = {"language_pretrain", "language_finetune", "codons_train"}


@pytest.fixture(scope="module")
def finished(tiny, accounted, tmp_path_factory, fresh):
    """Both studies' chains, from the data to the metrics, on a cluster with slurmdbd."""
    project = fresh(tiny, tmp_path_factory.mktemp("both") / "project", accounted)
    project.configure(gpu={"canary": True})
    project.finish(project.submit(*TARGETS))
    return project


@pytest.fixture(scope="module")
def jobs(finished, rule_of):
    """Slurm's records of the jobs of rules."""
    return [job for job in finished.jobs() if rule_of(job)]


def test_a_canary_tries_the_partition_once_before_all_jobs(finished, jobs):
    canary, *others = finished.jobs()
    assert others == jobs and canary["JobName"] == "seqfuse_canary"
    assert canary["Partition"] == "gpu" and canary["JobState"] == "COMPLETED"
    found = json.loads((finished.root / "results/tiny/canary/gpu.one_gpu.json").read_text())
    checks = {row["check"] for row in found["findings"]}
    assert (
        found["passed"]
        and {"checkout", "results lockable", "store writable", "results room"} <= checks
    )


def test_every_job_ran_on_its_kind_of_node(jobs, rule_of, stage_of):
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert {rule_of(job) for job in jobs} > TRAINING
    assert {stage_of(job) for job in jobs} == GPU_STAGES | CPU_STAGES
    for job in jobs:
        kind = "gpu" if stage_of(job) in GPU_STAGES and rule_of(job) not in LIGHT else "cpu"
        assert job["Partition"] == kind and job["NodeList"].startswith(kind), job
        assert ("gres/gpu:a100=1" in job["TRES"]) == (kind == "gpu"), job
        assert ("gpu" in job["TRES"]) == (kind == "gpu"), job


def test_memory_time_and_threads_are_as_declared(finished, jobs, stage_of):
    declared = yaml.safe_load((finished.root / "workflow/presets/demo.yaml").read_text())["jobs"]
    for job in jobs:
        kind = declared["gpu" if stage_of(job) in GPU_STAGES else "light"]
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
        assert account == finished.cluster.account and state == "COMPLETED"
        assert ("gres/gpu:a100=1" in allocated) == ("gres/gpu:a100=1" in job["TRES"])
