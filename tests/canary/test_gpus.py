"""Each fault of a node's GPUs, on stand-ins: found, and told in one line."""

import subprocess
import sys

import pytest
import torch

from seqfuse.canary import gpus
from seqfuse.canary.findings import failed


def told(wanted=2, memory_gb=40, slurm=True, rank=None):
    return list(gpus.check("node7", wanted, memory_gb, slurm, rank))


def complaint(**changes) -> str:
    [finding] = failed(told(**changes))
    assert finding.line.startswith("node7: GPU") and "\n" not in finding.line
    return finding.line


def test_good_gpus_pass(cards):
    found = told()
    assert [f.check for f in found] == ["GPU"] + [
        f"GPU {index} {check}" for index in (0, 1) for check in ("bfloat16", "memory")
    ]
    assert all(finding.passed for finding in found)


def test_each_rank_looks_at_its_own_and_the_first_at_the_node(cards):
    assert [f.check for f in told(rank=1)] == ["GPU 1 bfloat16", "GPU 1 memory"]
    assert [f.check for f in told(rank=0)] == ["GPU", "GPU 0 bfloat16", "GPU 0 memory"]


def test_a_product_in_bfloat16_is_a_little_off():
    assert 1e-4 < gpus._error(torch.device("cpu")) < gpus._MOST_ERROR / 2


def test_a_gpu_that_computes_wrongly_is_found(cards):
    cards.setattr(gpus, "_error", lambda place: 0.5)
    told_of = [finding.line for finding in failed(told())]
    assert [line.split(": ")[1] for line in told_of] == ["GPU 0 bfloat16", "GPU 1 bfloat16"]
    assert all("a product is 50.00% off (wanted: at most 1%)" in line for line in told_of)


def test_a_product_that_is_no_number_is_found(cards):
    cards.setattr(gpus, "_error", lambda place: float("nan"))
    assert len(failed(told())) == 2


def test_an_error_of_cuda_is_found(cards):
    def fail(place):
        raise RuntimeError("CUDA error: uncorrectable ECC error\nCompile with TORCH_USE_CUDA_DSA")

    cards.setattr(gpus, "_error", fail)
    line = complaint(rank=1)
    assert "GPU 1 bfloat16: A100: CUDA error: uncorrectable ECC error" in line
    assert "--exclude=node7" in line


def test_less_memory_than_declared_is_found(cards):
    line = complaint(memory_gb=80, rank=1)
    assert "GPU 1 memory: 41.0 GB free of 42.0 GB (wanted: 80 GB)" in line
    assert "gpu: {memory_gb: ...}" in line


def test_memory_that_nobody_declares_is_not_checked(cards):
    memory = [finding for finding in told(memory_gb=None) if "memory" in finding.check]
    assert [finding.passed for finding in memory] == [None, None]


def test_fewer_gpus_than_asked_for_are_found(cards):
    assert "GPU: 2 usable (CUDA_VISIBLE_DEVICES=0,1) (wanted: 4)" in complaint(wanted=4)


def test_a_grant_that_torch_cannot_use_is_found_once_a_node(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setenv("SLURM_JOB_GPUS", "0,1")
    assert "a GPU was granted (SLURM_JOB_GPUS=0,1)" in complaint(rank=0)
    assert told(rank=1) == []


def test_gpus_that_slurm_did_not_grant_are_found():
    assert "GPU: Slurm granted none (wanted: 2 GPUs)" in complaint()


@pytest.mark.parametrize("rank", [None, 0])
def test_a_machine_without_a_gpu_passes(rank):
    [finding] = told(slurm=False, rank=rank)
    assert finding.passed is None and "models compute on the CPU" in finding.found


def test_the_chosen_cpu_is_told(cards):
    cards.setenv("SEQFUSE_DEVICE", "cpu")
    [finding] = told()
    assert finding.passed is None and "SEQFUSE_DEVICE=cpu" in finding.found


def test_torch_is_not_imported_where_no_gpu_was_granted():
    code = (
        "import sys; from seqfuse.canary import check, gpus;"
        " list(gpus.check('node7', 1, None, False, None)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
