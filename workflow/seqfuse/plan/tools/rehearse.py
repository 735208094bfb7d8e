"""Estimate what a run will take before you pay for it: memory, time, disk, GPU-hours.

Makes a dry run with the same words as snakemake and estimates, for every job that computes with a
model, what it takes on a GPU model (a card). No model is downloaded, and no GPU is needed. Rows and
lengths are those of the cleaned records if they exist, otherwise what the catalogue declares.
Memory is that of one step of the method, run on tensors that have shapes but no values; time is
FLOP at a stated share of what the card can do. docs/rehearsal.md compares both with measurements.

The exit status is 1 if a job does not fit, or if the run takes more than `budget_gpu_hours`.

    seqfuse rehearse --profile slurm
    seqfuse rehearse ablations --profile slurm --card a100-40 --jobs
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

from seqfuse.errors import UserError
from seqfuse.files import write_json
from seqfuse.plan import dry_run
from seqfuse.plan.rehearsal import budget as budgets
from seqfuse.plan.rehearsal import cards, coefficients
from seqfuse.plan.rehearsal.cards import Card
from seqfuse.plan.rehearsal.estimate import Estimate
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.plan.run import Run
from seqfuse.progress import say

Estimated = tuple[dry_run.Job, Estimate]
_PARTS = ("weights", "gradients", "optimiser", "activations")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)
    parser.add_argument(
        "--card",
        help="in place of gpu.model and gpu.memory_gb: a100-80, a100-40, h100, h200 or cpu",
    )
    parser.add_argument("--jobs", action="store_true", help="one line a job instead of one a rule")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> None:
    jobs, settings = dry_run.planned(dry_run.words(args, args.targets))
    run_of, card = Run(settings), cards.card(settings, args.card)
    estimates = estimated(run_of, card, jobs)
    hours, budget = sum(e.gpu_hours for _, e in estimates), settings["budget_gpu_hours"]
    over = [(job, e) for job, e in estimates if not e.fits(card)]
    if args.json:
        print(json.dumps(as_json(card, estimates, hours, budget), indent=2))
    else:
        for line in table(card, estimates, by_job=args.jobs):
            print(line)
    if over:
        _leave(_too_large(card, over))
    if budget is not None and hours > budget and card.room is not None:
        _leave(budgets.over(hours, budget))


def _leave(reason: str) -> NoReturn:
    """End with status 1: the plan does not fit. Status 2 means that there is no plan."""
    print(f"seqfuse rehearse: {reason}", file=sys.stderr)
    raise SystemExit(1)


def estimated(run_of: Run, card: Card, jobs: Sequence[dry_run.Job]) -> list[Estimated]:
    """The jobs that compute with a model, with their estimates. Shapes that were never traced are
    traced first, and the results are kept."""
    estimates, traced = Estimates(run_of, card), []
    while unknown := _unknown(estimates, jobs):
        if any(request in traced for request in unknown):
            raise UserError(f"{coefficients.OWN}: a shape that was just traced is missing from it")
        traced += unknown
        say(f"tracing {len(unknown)} shapes for the first time: about a minute each")
        _trace(unknown)
        estimates = Estimates(run_of, card)
    pairs = [(job, estimates.of(job.rule, _wildcards(job))) for job in jobs]
    return [(job, estimate) for job, estimate in pairs if estimate]


def _unknown(estimates: Estimates, jobs: Iterable[dry_run.Job]) -> list[coefficients.Request]:
    """The traces that the jobs' estimates still need, the first of each job."""
    requests = {}
    for job in jobs:
        try:
            estimates.of(job.rule, _wildcards(job))
        except coefficients.Unknown as unknown:
            requests[str(unknown)] = unknown.request
    return list(requests.values())


def _trace(requests: Sequence[coefficients.Request]) -> None:
    """Have the stage that holds the methods trace these shapes, and keep the results."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requests.json")
        write_json(path, list(requests))
        command = [sys.executable, "-m", "seqfuse.cli", "language", "trace", str(path)]
        if subprocess.run([*command, "--out", str(coefficients.OWN)]).returncode:
            raise UserError("what these models take cannot be computed; see above")


def _wildcards(job: dry_run.Job) -> SimpleNamespace:
    pairs = (word.partition("=") for word in job.wildcards.split(", ") if word)
    return SimpleNamespace(**{name: value for name, _, value in pairs})


def as_json(card: Card, jobs: Sequence[Estimated], hours: float, budget: float | None) -> dict:
    """The card, the estimate of every job, and their sum."""
    return {
        "card": vars(card),
        "jobs": [
            {
                "rule": job.rule,
                "wildcards": vars(_wildcards(job)),
                **{part: round(getattr(e, part)) for part in _PARTS},
                "memory": round(e.memory),
                "host_memory": round(e.needed(card)),
                "disk": round(e.disk),
                "tokens": round(e.tokens),
                "flops": round(e.flops),
                "seconds": round(e.seconds, 1),
                "gpus": e.gpus,
                "gpu_hours": round(e.gpu_hours, 4),
                "fits": e.fits(card),
                "change": "" if e.fits(card) else e.remedy,
                "notes": dict(e.notes),
            }
            for job, e in jobs
        ],
        "gpu_hours": round(hours, 2),
        "budget_gpu_hours": budget,
        "fits": all(e.fits(card) for _, e in jobs),
    }


def table(card: Card, jobs: Sequence[Estimated], by_job: bool) -> list[str]:
    """One line a rule, or one a job; of several jobs, the largest memory and the other sums."""
    unit = "GPU-hours" if card.room is not None else "hours"
    header = ["job" if by_job else "rule", "jobs", "weights", "gradients", "optimiser"]
    header += ["activations", "memory", "host", "disk", "tokens", "PFLOP", unit, ""]
    groups: dict[str, list[Estimated]] = {}
    for job, estimate in jobs:
        name = f"{job.rule} {job.wildcards}" if by_job else job.rule
        groups.setdefault(name, []).append((job, estimate))
    rows = [_row(name, group, card) for name, group in groups.items()]
    rows.append(
        _row("together", jobs, card) if jobs else ["no job that is due computes with a model"]
    )
    rows = [row + [""] * (len(header) - len(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        f"On {card.title}: training at {100 * card.training:.0f} % of its"
        f" {card.tflops * (1 if card.room else card.float32):.3g} TFLOP/s, reading at"
        f" {100 * card.reading:.0f} %. GB are 10^9 bytes.",
        "",
    ]
    for row in [header, *rows]:
        cells = [
            cell.ljust(width) if column in (0, len(header) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _row(name: str, group: Sequence[Estimated], card: Card) -> list[str]:
    largest = max((e for _, e in group), key=lambda e: e.memory)
    over = [e for _, e in group if not e.fits(card)]
    total = {key: sum(getattr(e, key) for _, e in group) for key in ("disk", "tokens", "flops")}
    return [
        name,
        str(len(group)),
        *(_gb(getattr(largest, part)) for part in _PARTS),
        _gb(largest.memory),
        _gb(max(e.needed(card) for _, e in group)),
        _gb(total["disk"]),
        f"{total['tokens'] / 1e6:,.1f}M",
        f"{total['flops'] / 1e15:,.2f}",
        f"{sum(e.gpu_hours for _, e in group):,.2f}",
        f"does not fit: {over[0].remedy}" if over else "fits" if card.room else "",
    ]


def _gb(value: float) -> str:
    return f"{value / 1e9:,.1f} GB"


def _too_large(card: Card, over: Sequence[Estimated]) -> str:
    job, worst = max(over, key=lambda pair: pair[1].memory)
    more = f", and {len(over) - 1} more jobs" if over[1:] else ""
    return (
        f"{job.rule} {job.wildcards} does not fit: {_gb(worst.memory)} on {card.title}{more};"
        f" change {worst.remedy}"
    )
