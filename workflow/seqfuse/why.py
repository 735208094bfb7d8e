"""Say what a run would do and why: one line a rule.

Reads the plan of a dry run with the same words as snakemake. Prints for each rule its jobs, what
they ask of a cluster (GPUs a job, hours and disk of all jobs together), and what made them due.
Hours are the time limits of first attempts, an upper bound. Nothing runs.

    seqfuse why --profile slurm --config preset=paper
"""

import argparse
from collections import Counter

from seqfuse import planning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    planning.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    jobs = planning.plan(planning.words(args, args.targets))
    if not jobs:
        print("Nothing to be done.")
        return
    rules = list(dict.fromkeys(job.rule for job in jobs))
    makers = planning.makers(jobs)
    rows = []
    for rule in rules:
        own = [job for job in jobs if job.rule == rule]
        rows.append([*_asked(rule, own), _why(own, makers)])
    rows.append([*_asked("together", jobs), ""])
    header = ["rule", "jobs", "GPUs", "hours", "disk", "why"]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)][:-1] + [0]
    for row in [header, *rows]:
        cells = [
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _asked(rule: str, jobs: list[planning.Job]) -> list[str]:
    gpus = max(int(job.resources.get("gpu", 0)) for job in jobs)
    minutes = _sum(jobs, "runtime")
    disk = _sum(jobs, "disk_mb")
    return [
        rule,
        str(len(jobs)),
        str(gpus or "-"),
        "here" if minutes is None else f"{minutes / 60:.1f}",
        "-" if disk is None else _size(disk),
    ]


def _sum(jobs: list[planning.Job], resource: str) -> float | None:
    """A resource of all jobs that state it and know it already; None where none does."""
    stated = [job.resources[resource] for job in jobs if resource in job.resources]
    known = [float(value) for value in stated if value.replace(".", "").isdigit()]
    return sum(known) if known else None


def _size(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def _why(jobs: list[planning.Job], makers: dict[str, str]) -> str:
    """The jobs' own reasons, most frequent first, then the rules whose results they follow."""
    reasons = Counter(planning.explain(job) for job in jobs)
    told = [reason for reason, _ in reasons.most_common() if reason]
    followed = {makers.get(file, "another rule") for job in jobs for file in job.followed}
    if followed:
        told.append(f"follows {', '.join(sorted(followed))}")
    return "; ".join(told)
