"""Say what a run would do and why: one line a rule.

Makes a dry run with the same words as snakemake, and asks servers for the size of downloads. Prints
for each rule how many jobs it has, how long the same jobs took when they last ran, what they write
at most, the limits of a job, and why the jobs would run. A limit is what a cluster gives to a job
and ends it at: no forecast. `seqfuse rehearse` forecasts. GPUs are shown only if the run uses them.
A `+` or `?` says that part or all of a number is not known before earlier jobs have run. Nothing
runs.

After an update, it shows which results the new code would make again and how long they took;
`seqfuse accept` keeps them. With a profile, and if Slurm is installed, the jobs and job arrays of
this folder that are still in its queue follow.

    seqfuse why --profile slurm --config preset=paper
"""

import argparse
import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.plan import dry_run
from seqfuse.plan.submission import slurm
from seqfuse.plan.tools import fetch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    jobs, settings = dry_run.planned(dry_run.words(args, args.targets))
    if jobs:
        _print_table(jobs, uses_gpus=settings["gpu"]["memory_gb"] is not None)
    else:
        print("Nothing to be done.")
    if args.profile and shutil.which("squeue"):
        try:
            queued = slurm.queued(Path.cwd())
        except UserError as error:  # Slurm is installed, but not in use
            queued = [f"Slurm's queue cannot be read: {error}"]
        print("".join(f"{line}\n" for line in queued), end="")


# Columns that are aligned to the left: names and reasons.
_HEADER = ("rule", "jobs", "last took", "disk", "GPUs", "memory limit", "time limit", "why")
_WORDS = ("rule", "why")
_LIMITS = (
    "Limits are of one job: a cluster ends a job that exceeds them. They are no forecast; "
    "`seqfuse rehearse` makes one. -: none; +: and more, of jobs not known; ?: not known."
)


def _print_table(jobs: list[dry_run.Job], uses_gpus: bool) -> None:
    """A line for each rule, and one for all of them."""
    rules = list(dict.fromkeys(job.rule for job in jobs))
    makers = dry_run.makers(jobs)
    with ThreadPoolExecutor() as pool:  # servers take their time to answer
        disk = dict(zip(map(id, jobs), pool.map(_disk, jobs), strict=True))
    rows = []
    for rule in rules:
        own = [job for job in jobs if job.rule == rule]
        rows.append([*_numbers(rule, own, disk, uses_gpus), _why(own, makers)])
    rows.append([*_numbers("together", jobs, disk, uses_gpus), ""])
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)][:-1] + [0]
    for row in [_HEADER, *rows]:
        cells = [
            cell.ljust(width) if name in _WORDS else cell.rjust(width)
            for name, cell, width in zip(_HEADER, row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())
    print(_LIMITS)


def _numbers(
    rule: str, jobs: list[dry_run.Job], disk: dict[int, float | None], uses_gpus: bool
) -> list[str]:
    """Every column but the last. Limits are those of the largest job."""
    gpus = uses_gpus and max(int(job.resources.get("gpu", 0)) for job in jobs)
    memory = [job.resources.get("mem_mb", "0") for job in jobs]
    minutes = [float(job.resources["runtime"]) for job in jobs if "runtime" in job.resources]
    return [
        rule,
        str(len(jobs)),
        _sum_of_times([_took(job) for job in jobs]),
        _sum_of_sizes([disk[id(job)] for job in jobs]),
        str(gpus or "-"),
        _sum_of_sizes([max(map(float, filter(str.isdigit, memory)), default=None)]),
        _time(60 * max(minutes)) if minutes else "-",
    ]


def _took(job: dry_run.Job) -> float | None:
    """The seconds that the job took when it last ran, by its benchmark; None if it never did."""
    path = Path(job.benchmark)
    if not job.benchmark or not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["s"]


def _sum_of_times(seconds: list[float | None]) -> str:
    """A sum of durations in words, with a `+` if some of them are not known."""
    known = [value for value in seconds if value is not None]
    if not known:
        return "-"
    return _time(sum(known)) + ("+" if len(known) < len(seconds) else "")


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _disk(job: dry_run.Job) -> float | None:
    """The megabytes that a job declares or downloads; None if that is not known yet."""
    if job.rule in fetch.RULES:
        size = fetch.size(job)
        return None if size is None else size / 1e6
    declared = job.resources.get("disk_mb", "0")
    return float(declared) if declared.isdigit() else None


def _sum_of_sizes(megabytes: list[float | None]) -> str:
    """A sum of sizes in words, with a `+` if some of them are not known; `?` if none is."""
    known = [value for value in megabytes if value is not None]
    more = "+" if len(known) < len(megabytes) else ""
    total = sum(known)
    if not total:
        return "?" if more else "-"
    return (f"{total / 1000:.1f} GB" if total >= 1000 else f"{total:.0f} MB") + more


def _why(jobs: list[dry_run.Job], makers: dict[str, str]) -> str:
    """The jobs' own reasons, most frequent first, then the rules whose results they follow."""
    counts = Counter(job.reason for job in jobs)
    reasons = [reason for reason, _ in counts.most_common() if reason]
    followed = {
        makers.get(file, "another rule") for job in jobs if not job.reason for file in job.followed
    }
    if followed:
        reasons.append(f"follows {', '.join(sorted(followed))}")
    return "; ".join(reasons)
