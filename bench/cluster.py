"""The overhead of a job on a cluster: a private Slurm on loopback, one job at a time.

The cluster is that of tests/cluster; if Slurm is not installed, nothing is measured.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from datetime import datetime

from bench.measure import Setting, result
from bench.workflow import ROOT, copy, several_sets, snakemake

JOBS = 5


def _load():
    """The module that starts a private Slurm; tests are not a package."""
    path = ROOT / "tests" / "cluster" / "slurm.py"
    specification = importlib.util.spec_from_file_location("slurm", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


slurm = _load()


def job_overhead(setting: Setting) -> dict:
    """Seconds from a job's submission to its end, less those of its command: at most 12 s."""
    folder = copy(setting.folder / "overhead")
    names = several_sets(folder, JOBS)
    made = [f"results/demo/data/{name}/records.parquet" for name in names]
    cleaned = [f"results/demo/sequences/{name}/records.parquet" for name in names]
    snakemake(folder, "--cores", "1", *made)
    with slurm.Slurm(setting.folder / "slurm", accounting=False) as cluster:
        run = subprocess.run(
            [sys.executable, ROOT / "tests" / "cluster" / "quick.py", *cleaned, "--jobs", "1"]
            + ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "1"]
            + ["--config", "preset=demo"],
            cwd=folder,
            env=cluster.environment | {"PYTHONPATH": str(folder / "workflow")},
            capture_output=True,
            text=True,
        )
        assert not run.returncode, run.stdout + run.stderr
        jobs = cluster.jobs(folder)
    passed = sum(_time(job["EndTime"]) - _time(job["SubmitTime"]) for job in jobs)
    own = [
        json.loads(path.read_text())["s"]
        for path in folder.glob("results/demo/benchmarks/sequences/*.jsonl")
    ]
    assert len(jobs) == len(own) == JOBS
    overhead = passed / JOBS - statistics.mean(own)
    return result("job_overhead", overhead, 12, "s", 1, rows=JOBS, load=os.getloadavg()[0])


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


MEASURES = [] if slurm.absent(*slurm.REQUIRED) else [job_overhead]
