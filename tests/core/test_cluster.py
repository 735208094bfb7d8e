"""What is asked of Slurm before jobs are submitted; Slurm itself is played by small scripts."""

import os
from pathlib import Path

import pytest

from seqfuse.errors import UserError
from seqfuse.plan import slurm

GPU = {"gpu": 1, "gpu_model": "a100"}
RUN = "seqfuse_c6a17496-59cf-4941-aeef-487be0daa441"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """`site(command="script")` puts Slurm's commands on the PATH; `site.partitions` is its file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(**commands: str) -> None:
        for name, script in commands.items():
            (folder / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
            (folder / name).chmod(0o755)

    install.partitions = tmp_path / "partitions.yaml"
    install.partitions.write_text(
        "partitions: {cpu: {max_threads: 8}, gpu: {max_gpu: 2, available_gpu_models: [a100]}}"
    )
    return install


def refusal(site, *jobs) -> str:
    with pytest.raises(UserError) as raised:
        slurm.check(str(site.partitions), jobs)
    return str(raised.value)


def test_a_gpu_that_no_partition_offers_is_told_without_asking(site):
    message = refusal(site, GPU | {"gpu_model": "h100"})
    assert message.endswith(
        "partitions.yaml: no partition offers the GPU model 'h100' of `gpu.model`; there: a100"
    )


def test_a_file_without_partitions_is_told(site):
    site.partitions.write_text("partitions: {}")
    assert refusal(site, {}).endswith("no partition is named; write them under `partitions:`")


def test_slurms_own_refusal_is_repeated_with_the_place_to_edit(site):
    site(sbatch="echo 'sbatch: error: Invalid account' >&2; exit 1")
    assert refusal(site, GPU) == (
        f"partition gpu: Slurm refuses: sbatch: Invalid account; see {site.partitions} and"
        " slurm/profile.yaml"
    )


def test_each_kind_of_job_is_asked_for_once(site, tmp_path):
    site(sbatch="echo $* >> asked")
    slurm.check(str(site.partitions), [{}, GPU, {}, GPU | {"slurm_account": "me"}])
    asked = (tmp_path / "asked").read_text().splitlines()
    assert sorted(asked) == [
        "--test-only --partition=cpu --wrap=true",
        "--test-only --partition=gpu --gpus=a100:1 --wrap=true",
        "--test-only --partition=gpu --wrap=true",
    ]


def test_one_partition_that_takes_the_job_is_enough(site, tmp_path):
    site(sbatch='echo $* >> asked; case "$*" in *=cpu*) exit 1;; esac')
    slurm.check(str(site.partitions), [{}])
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [words.split()[1] for words in asked] == ["--partition=cpu", "--partition=gpu"]


def test_only_the_executors_jobs_of_this_folder_are_ended(site, tmp_path):
    rows = [f"1|{RUN}|{tmp_path}", f"2|{RUN}|{tmp_path}/other", f"3|my_own_job|{tmp_path}",
            f"4|{RUN.removeprefix('seqfuse_')}|{tmp_path}"]  # fmt: skip
    (tmp_path / "queue").write_text("\n".join(rows))
    # Cancelled jobs are gone at the second look.
    site(squeue="cat queue", scancel="echo $* > cancelled; sed -i '/^[14]|/d' queue")
    slurm.cancel(slurm.left_behind(tmp_path))
    assert (tmp_path / "cancelled").read_text().split() == ["1", "4"]


def test_without_slurm_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="squeue: not found; is this a node that submits jobs"):
        slurm.left_behind(Path.cwd())
