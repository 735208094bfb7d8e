"""What the workflow itself costs: a finished run with nothing to do, and planning as jobs grow.

A finished run is simulated: every output exists and contains its own name, and Snakemake records it
as up to date. The baseline is the time allowed, in seconds.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from bench.measure import Setting, result, seconds
from seqfuse.plan import dry_run

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ("Snakefile", "config.yaml", "workflow", "envs", "resources", "profiles", "slurm")


def noop_demo(setting: Setting) -> dict:
    """The finished demo: 6 s."""
    return _noop(setting, "noop_demo", 6, "preset=demo")


def noop_paper(setting: Setting) -> dict:
    """Every run of both studies at the papers' scale, five seeds, ablations too: 30 s."""
    return _noop(setting, "noop_paper", 30, "preset=paper", "seeds=5", targets=("all", "ablations"))


def planning_growth(setting: Setting) -> dict:
    """CPU seconds that another job adds to planning: among 500 jobs no more than among 100."""
    folder = copy(setting.folder / "growth")
    (none, _), (few, jobs), (many, more) = (_planned(folder, sets) for sets in (1, 10, 40))
    at_many, at_few = (many - few) / (more - jobs), (few - none) / jobs
    return result("planning_growth", at_many * 1e3, at_few * 1e3, "ms", 0.8, rows=more)


MEASURES = [noop_demo, noop_paper, planning_growth]


def copy(target: Path) -> Path:
    """A copy of the project, caches left out."""
    target.mkdir(parents=True)
    for name in PROJECT:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, target / name)
    return target


def snakemake(folder: Path, *words: str) -> str:
    """What snakemake says in a copy of the project, with the copy's own package."""
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert not run.returncode, run.stdout + run.stderr
    return run.stdout + run.stderr


def finish(folder: Path, *words: str) -> int:
    """Make every planned output, of its name, and have Snakemake record it; the number of jobs."""
    jobs = dry_run.plan(words, folder)
    for job in jobs:
        for name in job.outputs:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    snakemake(folder, "--touch", "--forceall", "--cores", "1", *words)
    return len(jobs)


def _noop(setting: Setting, name: str, allowed: float, *config: str, targets=()) -> dict:
    folder = copy(setting.folder / name)
    words = (*targets, "--config", *config)
    jobs = finish(folder, *words)
    assert "Nothing to be done" in snakemake(folder, "-n", *words)
    times = [seconds(lambda: snakemake(folder, *words)) for _ in range(setting.repeats)]
    return result(name, statistics.median(times), allowed, "s", 1, rows=jobs)


def several_sets(folder: Path, sets: int) -> list[str]:
    """Configure a study of so many codon sets; their names."""
    entry = "{study: codons, source: synthetic, generator: expression}"
    names = [f"set{number}" for number in range(sets)]
    (folder / "config.yaml").write_text(
        "preset: demo\nstudies: [codons]\ndatasets:\n"
        + "".join(f"  {name}: {entry}\n" for name in names)
        + f"codons: {{datasets: [{', '.join(names)}]}}\n"
    )
    return names


def _planned(folder: Path, sets: int) -> tuple[float, int]:
    """CPU seconds to plan a study of so many codon sets, and its jobs."""
    several_sets(folder, sets)
    before = spent()
    jobs = dry_run.plan([], folder)
    return spent() - before, len(jobs)


def spent() -> float:
    """CPU seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
