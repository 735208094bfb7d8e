"""What a submitting host says, and a torch.cuda of stand-ins."""

import pytest
import torch

from seqfuse.canary import submitted

GRANTS = (
    "CUDA_VISIBLE_DEVICES",
    "SEQFUSE_DEVICE",
    "SLURM_GPUS",
    "SLURM_GPUS_ON_NODE",
    "SLURM_GPUS_PER_NODE",
    "SLURM_GPUS_PER_TASK",
    "SLURM_JOB_GPUS",
    "SLURM_STEP_GPUS",
)


@pytest.fixture(autouse=True)
def no_grant(monkeypatch):
    """Let nothing be granted, whatever the tests run in."""
    for name in GRANTS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def here(tmp_path):
    """What a host says that shares a folder for results and one for the store with every node."""
    folders = {"results": tmp_path / "results", "store": tmp_path / "store"}
    return submitted.look(folders, {})


@pytest.fixture
def cards(monkeypatch):
    """Two GPUs of 42 GB, 41 free, that compute as the CPU does."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "A100")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (41 * 10**9, 42 * 10**9))
    monkeypatch.setattr("seqfuse.canary.gpus._place", lambda index: torch.device("cpu"))
    return monkeypatch
