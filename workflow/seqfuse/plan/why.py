"""Say what a run would do and why: one line a rule.

Reads the plan of a dry run with the same words as snakemake, and asks servers for the size of what
is to be downloaded. Prints for each rule its jobs, what they ask of a cluster (GPUs a job, hours
and disk of all jobs together), and what made them due. Hours are the time limits of first attempts,
disk is reckoned from what there is to read: upper bounds both. A `+` or `?` says that some or all
of it is not known before earlier jobs have run. Nothing runs.

    seqfuse why --profile slurm --config preset=paper
"""

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from seqfuse.plan import dry_run, fetch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    jobs = dry_run.plan(dry_run.words(args, args.targets))
    if not jobs:
        print("Nothing to be done.")
        return
    rules = list(dict.fromkeys(job.rule for job in jobs))
    makers = dry_run.makers(jobs)
    with ThreadPoolExecutor() as pool:  # servers take their time to answer
        disk = dict(zip(map(id, jobs), pool.map(_disk, jobs), strict=True))
    rows = []
    for rule in rules:
        own = [job for job in jobs if job.rule == rule]
        rows.append([*_asked(rule, own, disk), _why(own, makers)])
    rows.append([*_asked("together", jobs, disk), ""])
    header = ["rule", "jobs", "GPUs", "hours", "disk", "why"]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)][:-1] + [0]
    for row in [header, *rows]:
        cells = [
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _asked(rule: str, jobs: list[dry_run.Job], disk: dict[int, float | None]) -> list[str]:
    gpus = max(int(job.resources.get("gpu", 0)) for job in jobs)
    minutes = [float(job.resources["runtime"]) for job in jobs if "runtime" in job.resources]
    return [
        rule,
        str(len(jobs)),
        str(gpus or "-"),
        f"{sum(minutes) / 60:.1f}" if minutes else "here",
        _told([disk[id(job)] for job in jobs]),
    ]


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
    reasons = Counter(dry_run.explain(job) for job in jobs)
    told = [reason for reason, _ in reasons.most_common() if reason]
    followed = {makers.get(file, "another rule") for job in jobs for file in job.followed}
    if followed:
        told.append(f"follows {', '.join(sorted(followed))}")
    return "; ".join(told)
