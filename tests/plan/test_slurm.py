"""What is asked of Slurm before jobs are submitted; Slurm itself is played by small scripts."""

import os
from pathlib import Path

import pytest

from seqfuse.errors import UserError
from seqfuse.plan.submission import slurm
from seqfuse.plan.tools import why

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


def test_a_job_over_the_limits_of_every_partition_is_told_without_asking(site):
    limits = "partitions: {cpu: {max_threads: 8}, gpu: {max_gpu: 2, max_mem_mb: 192000}}"
    site.partitions.write_text(limits)
    one = {"gpu": 1}
    assert refusal(site, one | {"mem_mb": 192001}).endswith(
        "partitions.yaml: no partition takes a job that asks for mem_mb 192001"
        " (gpu: max_mem_mb 192000); correct the limits in that file, or ask for less"
        " (`jobs` and `gpu` in config.yaml)"
    )
    assert "gpu 3 (gpu: max_gpu 2)" in refusal(site, {"gpu": 3})
    site(sbatch="exit 0")
    slurm.check(str(site.partitions), [one | {"mem_mb": 192000}, {"mem_mb": 192001}, {"_cores": 9}])


def test_limits_are_written_as_the_executor_takes_them(site):
    site.partitions.write_text("partitions: {cpu: , gpu: {max_gpu: 2, max_runtime: 2-00:00:00}}")
    assert "runtime 2881 (gpu: max_runtime 2880)" in refusal(site, {"gpu": 1, "runtime": 2881})
    site.partitions.write_text("partitions: {gpu: {max_gpu: 2, max_runtime: soon}}")
    assert "partitions.yaml: gpu: max_runtime: " in refusal(site, {"gpu": 1})
    site.partitions.write_text("partitions: {gpu: {max_gpu: two}}")
    assert refusal(site, {"gpu": 1}).endswith("gpu: max_gpu must be a number, not 'two'")


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


def test_arrays_and_jobs_of_this_folder_are_told_and_ended_and_nobody_elses(site, tmp_path):
    part, training = "rule_embeddings_part_wildcards_genes_1of3", "rule_codons_train_wildcards_dna"
    # The tasks of an array have one number.
    rows = [f"1|{state}|{RUN}|{part}|{tmp_path}" for state in ("RUNNING", "PENDING", "PENDING")]
    rows += [f"2|RUNNING|{RUN}|{part}|{tmp_path}/other", f"3|RUNNING|my_own_job||{tmp_path}",
            f"4|PENDING|{RUN.removeprefix('seqfuse_')}|{training}|{tmp_path}"]  # fmt: skip
    (tmp_path / "queue").write_text("\n".join(rows))
    # Cancelled jobs are gone at the second look.
    site(squeue="cat queue", scancel="echo $* > cancelled; sed -i '/^[14]|/d' queue")
    assert slurm.queued(tmp_path) == [
        "in Slurm's queue: 1 (embeddings_part: 1 running, 2 pending)",
        "in Slurm's queue: 4 (codons_train: 1 pending)",
    ]
    slurm.cancel(slurm.left_behind(tmp_path))
    assert slurm.queued(tmp_path) == []
    assert (tmp_path / "cancelled").read_text().split() == ["1", "4"]


def test_why_tells_arrays_in_the_queue_and_goes_on_without_slurm(
    site, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(why.dry_run, "planned", lambda words: ([], {}))
    parser = why.argparse.ArgumentParser()
    why.add_arguments(parser)
    row = f"12|RUNNING|{RUN}|rule_embeddings_part_wildcards_a|{tmp_path}"
    site(squeue=f"echo '{row}'; echo '{row}'")
    why.run(parser.parse_args(["--profile", "slurm"]))
    queued = "in Slurm's queue: 12 (embeddings_part: 2 running)"
    assert capsys.readouterr().out.splitlines() == ["Nothing to be done.", queued]
    site(squeue="echo 'squeue: error: no controller' >&2; exit 1")
    why.run(parser.parse_args(["--profile", "slurm"]))
    told = "Slurm's queue cannot be read: squeue: no controller"
    assert capsys.readouterr().out.splitlines() == ["Nothing to be done.", told]
    why.run(parser.parse_args([]))
    assert capsys.readouterr().out.splitlines() == ["Nothing to be done."]


PART = GPU | {"mem_mb": 1000, "runtime": 10, "_cores": 1}


def submission(site=None, **changes):
    file = str(site.partitions) if site else None
    given = {"partitions": file, "arrays": "embeddings_part, language_predict_part"}
    return slurm.Submission(**given | {"slots": 50, "requeue": False} | changes)


def test_arrays_are_of_equal_jobs_that_all_have_a_slot():
    parts = [("embeddings_part", PART)] * 40
    others = [("embeddings", PART | {"mem_mb": 9}), ("language_predict_part", PART | {"gpu": 2})]
    slurm.check_arrays(submission(), [*parts, *others])
    with pytest.raises(UserError, match=r"embeddings_part do not all ask for the same mem_mb, and"):
        slurm.check_arrays(submission(), [*parts, ("embeddings_part", PART | {"mem_mb": 2000})])
    slurm.check_arrays(submission(arrays=None), [*parts, *parts])
    with pytest.raises(UserError, match=r"80 jobs are due and `jobs` is 50, .* write `jobs: 80`"):
        slurm.check_arrays(submission(), [*parts, *parts])
    slurm.check_arrays(submission(), [("embeddings", PART)] * 80)


@pytest.fixture
def preempting(site):
    """A site whose GPU partition shares a node with one of a higher tier."""

    def install(mode, kind="partition_prio"):
        partitions = (
            "PartitionName=cpu PriorityTier=1 PreemptMode=REQUEUE Default=YES",
            f"PartitionName=gpu PriorityTier=1 PreemptMode={mode}",
            "PartitionName=urgent PriorityTier=9 PreemptMode=OFF",
        )
        shown = "; ".join(f"echo '{row}'" for row in partitions)
        config = f"echo 'PreemptType             = preempt/{kind}'"
        site(
            scontrol=f'if [ "$2" = config ]; then {config}; else {shown}; fi',
            sinfo="echo 'cpu n1'; echo 'gpu n2'; echo 'gpu n3'; echo 'urgent n3'",
        )
        return site

    return install


def test_preempted_jobs_must_be_requeued_by_slurm_alone(preempting):
    site = preempting("REQUEUE")
    with pytest.raises(UserError, match=r"partition gpu: .*`slurm-requeue: true` in place of"):
        slurm.check_preemption(submission(site), [GPU, {}])
    slurm.check_preemption(submission(site, requeue=True), [GPU, {}])
    slurm.check_preemption(submission(site), [GPU | {"slurm_partition": "cpu"}])
    site = preempting("CANCEL")
    with pytest.raises(UserError, match=r"partition gpu: Slurm cancels .* wait for them without"):
        slurm.check_preemption(submission(site, requeue=True), [GPU])
    slurm.check_preemption(submission(preempting("REQUEUE", "none")), [GPU])


def test_without_slurm_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="squeue: not found; is this a node that submits jobs"):
        slurm.left_behind(Path.cwd())
