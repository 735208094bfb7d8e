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
def had(checkpoints):
    """The folder of a model by its name; the test is skipped where it can be had from nowhere."""

    def folder(name: str) -> Path:
        try:
            return checkpoints.folder(name)
        except checkpoints.OutOfReach as error:
            pytest.skip(reason=f"no package registry: {error}")

    return folder


@pytest.fixture(scope="session")
def smollm2(had) -> Path:
    """SmolLM2-135M-Instruct."""
    return had("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def minilm(had) -> Path:
    """all-MiniLM-L6-v2."""
    return had("all-minilm-l6-v2")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)
