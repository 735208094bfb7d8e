"""What a site refuses, or a user forgot: one clear line, and nothing is submitted."""

import shutil

import pytest
import yaml

from seqfuse.errors import UserError
from seqfuse.plan.submission import slurm

TRAINED = "results/tiny/codons/tiny-codons/dna/predictions.parquet"
CLEAN = "results/tiny/sequences/tiny-codons/records.parquet"
FILE = "slurm/partitions.yaml"
CPU = {"mem_mb": 1000, "slurm_account": "project"}
GPU = CPU | {"gpu": 1, "gpu_model": "a100"}
H100 = GPU | {"gpu_model": "h100"}


@pytest.fixture
def project(tiny, accounted, tmp_path, fresh):
    return fresh(tiny, tmp_path / "project", accounted)


def partitions(project, **known) -> None:
    (project.root / FILE).write_text(yaml.safe_dump({"partitions": known}))


@pytest.mark.parametrize(
    ("known", "jobs", "told"),
    [
        (None, [CPU, GPU], "partition (the default): Slurm refuses:"),
        ({"cpu": {}, "gpu": {"max_gpu": 2}}, [H100], "no partition offers the GPU model 'h100'"),
        (
            {"cpu": {}, "gpu": {"max_gpu": 2, "available_gpu_models": ["h100"]}},
            [CPU, H100],
            "partition gpu: Slurm refuses:",
        ),
        ({"cpu": {}}, [CPU | {"slurm_account": "nobody"}], "partition cpu: Slurm refuses:"),
    ],
)
def test_slurm_refuses_in_one_line(project, on_cluster, known, jobs, told):
    on_cluster(project)
    if known is not None:
        partitions(project, **known)
    with pytest.raises(UserError, match="^[^\n]*$") as raised:
        slurm.check(None if known is None else FILE, jobs)
    assert told in str(raised.value)


def test_a_refusal_is_one_line_before_anything_is_submitted(project):
    partitions(project, cpu={}, a100={"max_gpu": 2, "available_gpu_models": ["a100"]})
    said = project.finish(project.submit(TRAINED), code=1).splitlines()
    complaints = [line for line in said if line.startswith("cluster error: ")]
    assert len(complaints) == 1 and "partition a100: Slurm refuses:" in complaints[0], said[-20:]
    assert "Traceback" not in "\n".join(said)
    assert project.jobs() == []


def test_nodes_need_not_share_the_home_directory(project):
    sbatch = shutil.which("sbatch", path=project.cluster.environment["PATH"])
    homeless = project.root / "bin" / "sbatch"
    homeless.write_text(f'#!/bin/sh\nHOME=/dev/null exec {sbatch} "$@"\n')
    homeless.chmod(0o755)
    project.finish(project.submit(CLEAN))
    assert [job["JobState"] for job in project.jobs()] == ["COMPLETED"]
