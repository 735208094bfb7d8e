"""What `make` prints while it installs: what and how long, and the installer only if it fails."""

import os
import shutil
import subprocess

import pytest

INSTALLER = """#!/bin/sh
echo "WARNING: Location 'file:///mirror' is ignored" >&2
echo "Collecting torch"
exit $(cat status)
"""


@pytest.fixture
def make(root, tmp_path):
    """`make .venv/.tests` with another installer, which ends with a given status."""
    shutil.copy(root / "Makefile", tmp_path)
    shutil.copy(root / "pyproject.toml", tmp_path)
    shutil.copytree(root / "envs", tmp_path / "envs")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    installer = tmp_path / "installer"
    installer.write_text(INSTALLER)
    installer.chmod(0o755)

    def run(status: int) -> subprocess.CompletedProcess:
        (tmp_path / "status").write_text(str(status))
        command = ["make", ".venv/.tests", "INSTALL=./installer"]
        # `make test` may run this, and a make within it would say so.
        alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=alone)

    return run


def test_an_installation_says_what_it_installs_and_how_long_it_takes(make, tmp_path):
    done = make(0)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all(line.endswith("log: .venv/install.log") for line in lines)
    assert "packages (2 GB; 1 to 5 minutes) into .venv" in lines[0]
    assert (tmp_path / ".venv" / "install.log").read_text().count("Collecting torch") == 3
    assert make(1).stdout == "make: '.venv/.tests' is up to date.\n"


def test_an_installation_that_fails_shows_what_the_installer_said(make, tmp_path):
    done = make(1)
    assert done.returncode and "Collecting torch" in done.stdout and "WARNING" in done.stdout
    assert "packages (2 GB; 1 to 5 minutes); log: .venv/install.log" in done.stdout
    assert not (tmp_path / ".venv" / ".installed").exists()
