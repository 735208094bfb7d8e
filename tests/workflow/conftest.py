"""A finished demo in a copy of the project, made once for all tests of the workflow."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = ("Snakefile", "config.yaml", "workflow", "envs", "resources", "profiles", "slurm")


@dataclass(frozen=True)
class Project:
    """A copy of the project in a folder of its own."""

    root: Path

    def snakemake(self, *words: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run snakemake in the copy, with the copy's package; both streams in `.stdout`."""
        # PYTHONPATH comes before the editable install, so that the copy's modules are imported.
        path = [str(self.root / "workflow"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
        run = subprocess.run(
            ["snakemake", *words],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if check and run.returncode:
            pytest.fail(f"snakemake {' '.join(words)} failed:\n{run.stdout[-6000:]}")
        return run

    def planned(self, *words: str) -> set[str]:
        """The rules that a dry run would run, `all` left out."""
        lines = self.snakemake("-n", *words).stdout.splitlines()
        starts = ("rule ", "localrule ", "checkpoint ")
        named = {line.split()[1].rstrip(":") for line in lines if line.startswith(starts)}
        return named - {"all"}


@pytest.fixture(scope="session")
def project(tmp_path_factory, root) -> Project:
    """A copy of the project in which nothing was run."""
    return copy_project(root, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def make_project(tmp_path_factory, root):
    """Make another copy of the project in which nothing was run."""
    return lambda: copy_project(root, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory, root) -> Project:
    """A copy of the project in which the demo was run."""
    finished = copy_project(root, tmp_path_factory.mktemp("demo"))
    finished.snakemake("--cores", "all", "--config", "preset=demo")
    return finished


def copy_project(root: Path, target: Path) -> Project:
    """Copy what a run needs, caches left out."""
    for name in PROJECT:
        source = root / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy2(source, target / name)
    return Project(target)
