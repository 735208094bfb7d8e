"""Say what a run would do and why: one line a rule.

Reads the plan of a dry run with the same words as snakemake, and asks servers for the size of what
is to be downloaded. Prints for each rule its jobs, what they ask of a cluster (GPUs and memory of a
job, hours and disk of all jobs together), how long the same jobs took when they last ran, and what
made them due. Memory and hours are limits of first attempts, no estimates (those are `seqfuse
rehearse`'s), and disk is reckoned from what there is to read: upper bounds all. GPUs stand only
where a run would use them. A `+` or `?` says that some or all of it is not known before earlier
jobs have run. Nothing runs.

After an update, it tells which results the new code would make again, and what that costs;
`seqfuse accept` keeps them. With a profile, where Slurm is, the jobs and job arrays of this folder
that are still in its queue follow.

    seqfuse why --profile slurm --config preset=paper
"""

import argparse
import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.plan import dry_run, slurm
from seqfuse.plan.tools import fetch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    jobs, settings = dry_run.planned(dry_run.words(args, args.targets))
    if jobs:
        _tell(jobs, uses_gpus=settings["gpu"]["memory_gb"] is not None)
    else:
        print("Nothing to be done.")
    if args.profile and shutil.which("squeue"):
        try:
            queued = slurm.queued(Path.cwd())
        except UserError as error:  # Slurm is installed here, and not in use
            queued = [f"what Slurm's queue holds is not known: {error}"]
        print("".join(f"{line}\n" for line in queued), end="")


def _tell(jobs: list[dry_run.Job], uses_gpus: bool) -> None:
    """The table, a line a rule."""
    rules = list(dict.fromkeys(job.rule for job in jobs))
    makers = dry_run.makers(jobs)
    with ThreadPoolExecutor() as pool:  # servers take their time to answer
        disk = dict(zip(map(id, jobs), pool.map(_disk, jobs), strict=True))
    rows = []
    for rule in rules:
        own = [job for job in jobs if job.rule == rule]
        rows.append([*_asked(rule, own, disk, uses_gpus), _why(own, makers)])
    rows.append([*_asked("together", jobs, disk, uses_gpus), ""])
    header = ["rule", "jobs", "GPUs", "memory limit", "hours limit", "disk", "took", "why"]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)][:-1] + [0]
    for row in [header, *rows]:
        cells = [
            cell.ljust(width) if column in (0, len(header) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _asked(
    rule: str, jobs: list[dry_run.Job], disk: dict[int, float | None], uses_gpus: bool
) -> list[str]:
    gpus = uses_gpus and max(int(job.resources.get("gpu", 0)) for job in jobs)
    memory = [job.resources.get("mem_mb", "0") for job in jobs]
    minutes = [float(job.resources["runtime"]) for job in jobs if "runtime" in job.resources]
    return [
        rule,
        str(len(jobs)),
        str(gpus or "-"),
        _told([max(map(float, filter(str.isdigit, memory)), default=None)]),
        f"{sum(minutes) / 60:.1f}" if minutes else "here",
        _told([disk[id(job)] for job in jobs]),
        _duration([_took(job) for job in jobs]),
    ]


def _took(job: dry_run.Job) -> float | None:
    """The seconds that the job took when it last ran, by its benchmark; None if it never did."""
    path = Path(job.benchmark)
    if not job.benchmark or not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["s"]


def _duration(seconds: list[float | None]) -> str:
    """A sum of durations in words, and whether some of them are not known."""
    known = [value for value in seconds if value is not None]
    if not known:
        return "-"
    more, total = "+" if len(known) < len(seconds) else "", sum(known)
    if total < 60:
        return f"{total:.0f} s{more}"
    return (f"{total / 60:.0f} min" if total < 3600 else f"{total / 3600:.1f} h") + more


def _disk(job: dry_run.Job) -> float | None:
    """The megabytes that a job states or downloads; None where that is not known yet."""
    if job.rule in fetch.RULES:
        found = fetch.size(job)
        return None if found is None else found / 1e6
    stated = job.resources.get("disk_mb", "0")
    return float(stated) if stated.isdigit() else None


def _told(megabytes: list[float | None]) -> str:
    """A sum in words, and whether some of it is not known."""
    known = [value for value in megabytes if value is not None]
    more = "+" if len(known) < len(megabytes) else ""
    total = sum(known)
    if not total:
        return "?" if more else "-"
    return (f"{total / 1000:.1f} GB" if total >= 1000 else f"{total:.0f} MB") + more


def _why(jobs: list[dry_run.Job], makers: dict[str, str]) -> str:
    """The jobs' own reasons, most frequent first, then the rules whose results they follow."""
    reasons = Counter(job.reason for job in jobs)
    told = [reason for reason, _ in reasons.most_common() if reason]
    followed = {
        makers.get(file, "another rule") for job in jobs if not job.reason for file in job.followed
    }
    if followed:
        told.append(f"follows {', '.join(sorted(followed))}")
    return "; ".join(told)
