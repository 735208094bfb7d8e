"""A made-up run that every figure is drawn from."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def made_up():
    """The module that makes the run up."""
    path = Path(__file__).with_name("run.py")
    spec = importlib.util.spec_from_file_location("made_up_run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def results(made_up, tmp_path_factory) -> Path:
    """The folder of the run."""
    return made_up.write(tmp_path_factory.mktemp("results"))
