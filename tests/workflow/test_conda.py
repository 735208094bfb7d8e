"""Conda environments, with a stand-in for conda: what Snakemake makes of envs/*.yaml runs seqfuse.

The environment that the stand-in makes has the locked packages and not this one, as a real one
would. Whether conda can solve the files is not seen here.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

RECORDS = "results/demo/data/demo-expression/records.parquet"
LOCKED = Path(sysconfig.get_path("purelib"))
CONDA = f"""\
#!/bin/sh
case "$*" in
  "info --json") echo '{{"conda_prefix": "BASE", "platform": "linux-64"}}' ;;
  --version) echo "conda 25.1.0" ;;
  config*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
  "env create"*)
    while [ "$1" != --prefix ]; do shift; done
    {sys.executable} -m venv --without-pip "$2"
    echo {LOCKED} > "$2/lib/{LOCKED.parent.name}/site-packages/locked.pth" ;;
esac
"""


@pytest.fixture
def conda(tmp_path) -> Path:
    """A folder for PATH: the stand-in, and a seqfuse of another environment, which must not run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "conda": CONDA.replace("BASE", str(tmp_path)),
        "activate": 'PATH="$1/bin:$PATH"\n',
        "seqfuse": "#!/bin/sh\necho not this one >&2; exit 1\n",
    }
    for name, script in scripts.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


def test_a_job_finds_the_package_beside_its_environment(make_project, conda):
    project = make_project()
    environment = os.environ | {"PATH": f"{conda}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    run = subprocess.run(
        ["snakemake", RECORDS, "--cores", "1", "--sdm", "conda"],
        cwd=project.root, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert not run.returncode, run.stdout + run.stderr
    [python] = (project.root / ".snakemake" / "conda").glob("*/bin/python")
    alone = subprocess.run([python, "-c", "import seqfuse"], env=environment, capture_output=True)
    assert b"No module named 'seqfuse'" in alone.stderr
