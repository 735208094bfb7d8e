"""What a site refuses, or a user forgot: one clear line, and nothing is submitted."""

import shutil

import pytest
import yaml

CHAIN = "results/tiny/evaluation/codons/tiny-codons/metrics.parquet"
CLEAN = "results/tiny/sequences/tiny-codons/records.parquet"


@pytest.fixture
def project(tiny, accounted, tmp_path, fresh):
    return fresh(tiny, tmp_path / "project", accounted)


def partitions(project, **known) -> None:
    (project.root / "slurm" / "partitions.yaml").write_text(yaml.safe_dump({"partitions": known}))


def no_partition_file(project):
    project.profile(slurm_partition_config=None)


def a_partition_that_is_not_there(project):
    partitions(project, cpu={}, a100={"max_gpu": 2, "available_gpu_models": ["a100"]})


def a_gpu_that_the_file_does_not_offer(project):
    project.configure(gpu={"model": "h100"})


def a_gpu_that_the_cluster_lacks(project):
    project.configure(gpu={"model": "h100"})
    partitions(project, cpu={}, gpu={"max_gpu": 2, "available_gpu_models": ["h100"]})


def an_account_that_is_refused(project):
    project.profile(default_resources=["slurm_account=nobody"])


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (no_partition_file, "partition (the default): Slurm refuses:"),
        (a_partition_that_is_not_there, "partition a100: Slurm refuses:"),
        (a_gpu_that_the_file_does_not_offer, "no partition offers the GPU model 'h100'"),
        (a_gpu_that_the_cluster_lacks, "partition gpu: Slurm refuses:"),
        (an_account_that_is_refused, "Slurm refuses:"),
    ],
)
def test_a_refusal_is_one_line_before_anything_is_submitted(project, mistake, told):
    mistake(project)
    said = project.finish(project.submit(CHAIN), code=1).splitlines()
    complaints = [line for line in said if line.startswith("cluster error: ")]
    assert len(complaints) == 1 and told in complaints[0], said[-20:]
    assert "Traceback" not in "\n".join(said)
    assert project.jobs() == []


def test_nodes_need_not_share_the_home_directory(project):
    sbatch = shutil.which("sbatch", path=project.cluster.environment["PATH"])
    homeless = project.root / "bin" / "sbatch"
    homeless.write_text(f'#!/bin/sh\nHOME=/dev/null exec {sbatch} "$@"\n')
    homeless.chmod(0o755)
    project.finish(project.submit(CLEAN))
    assert [job["JobState"] for job in project.jobs()] == ["COMPLETED"]
