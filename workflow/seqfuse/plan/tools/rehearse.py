"""Say what a run will take before it is paid for: memory, time, disk, GPU-hours.

Reads the plan of a dry run with the same words as snakemake and computes, for every job that
computes with a model, what it takes on a card: no model is downloaded, and no GPU is needed. Rows
and lengths are those of the cleaned records, where they are there, else what the catalogue
declares. Memory is that of the method's own step, run on tensors that have shapes and no values;
time is FLOP at a stated share of what the card can do. docs/rehearsal.md says how far both were
from what was measured.

Exits with 1 where a job does not fit, or where the run takes more than `budget_gpu_hours`.

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
        "--card", help="instead of gpu.model and gpu.memory_gb: a100-80, a100-40, h100, h200, cpu"
    )
    parser.add_argument("--jobs", action="store_true", help="a line a job, not a line a rule")
    parser.add_argument("--json", action="store_true", help="all of it, as JSON")


def run(args: argparse.Namespace) -> None:
    jobs, settings = dry_run.planned(dry_run.words(args, args.targets))
    run_of, card = Run(settings), cards.card(settings, args.card)
    found = estimated(run_of, card, jobs)
    hours, budget = sum(e.gpu_hours for _, e in found), settings["budget_gpu_hours"]
    over = [(job, e) for job, e in found if not e.fits(card)]
    if args.json:
        print(json.dumps(as_json(card, found, hours, budget), indent=2))
    else:
        for line in table(card, found, by_job=args.jobs):
            print(line)
    if over:
        _leave(_too_large(card, over))
    if budget is not None and hours > budget and card.room is not None:
        _leave(budgets.over(hours, budget))


def _leave(reason: str) -> NoReturn:
    """End with the status that says no to the plan; 2 says that there is none."""
    print(f"seqfuse rehearse: {reason}", file=sys.stderr)
    raise SystemExit(1)


def estimated(run_of: Run, card: Card, jobs: Sequence[dry_run.Job]) -> list[Estimated]:
    """The jobs that compute with a model, with their estimates; shapes that no file knows yet are
    asked for first, and kept."""
    estimates, asked = Estimates(run_of, card), []
    while unknown := _unknown(estimates, jobs):
        if any(request in asked for request in unknown):
            raise UserError(f"{coefficients.OWN}: it does not hold what was just asked for")
        asked += unknown
        say(f"{len(unknown)} shapes that are not known yet: a minute or so each, once")
        _ask(unknown)
        estimates = Estimates(run_of, card)
    pairs = [(job, estimates.of(job.rule, _wildcards(job))) for job in jobs]
    return [(job, found) for job, found in pairs if found]


def _unknown(estimates: Estimates, jobs: Iterable[dry_run.Job]) -> list[coefficients.Request]:
    """The requests that stand between the jobs and their estimates, the first of each job."""
    asked = {}
    for job in jobs:
        try:
            estimates.of(job.rule, _wildcards(job))
        except coefficients.Unknown as unknown:
            asked[str(unknown)] = unknown.request
    return list(asked.values())


def _ask(requests: Sequence[coefficients.Request]) -> None:
    """Have requests answered by the stage that has the methods, and keep the answers."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "requests.json")
        write_json(asked, list(requests))
        command = [sys.executable, "-m", "seqfuse.cli", "language", "trace", str(asked)]
        if subprocess.run([*command, "--out", str(coefficients.OWN)]).returncode:
            raise UserError("what these models take cannot be computed; see above")


def _wildcards(job: dry_run.Job) -> SimpleNamespace:
    pairs = (word.partition("=") for word in job.wildcards.split(", ") if word)
    return SimpleNamespace(**{name: value for name, _, value in pairs})


def as_json(card: Card, found: Sequence[Estimated], hours: float, budget: float | None) -> dict:
    """The card, every job, and what they come to together."""
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
            for job, e in found
        ],
        "gpu_hours": round(hours, 2),
        "budget_gpu_hours": budget,
        "fits": all(e.fits(card) for _, e in found),
    }


def table(card: Card, found: Sequence[Estimated], by_job: bool) -> list[str]:
    """A line a rule, or a line a job; of several jobs, the most memory of one and the sums."""
    unit = "GPU-hours" if card.room is not None else "hours"
    header = ["job" if by_job else "rule", "jobs", "weights", "gradients", "optimiser"]
    header += ["activations", "memory", "host", "disk", "tokens", "PFLOP", unit, ""]
    groups: dict[str, list[Estimated]] = {}
    for job, estimate in found:
        name = f"{job.rule} {job.wildcards}" if by_job else job.rule
        groups.setdefault(name, []).append((job, estimate))
    rows = [_row(name, group, card) for name, group in groups.items()]
    rows.append(_row("together", found, card) if found else ["nothing computes with a model"])
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
    odd = [e for _, e in group if not e.fits(card)]
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
        f"does not fit: {odd[0].remedy}" if odd else "fits" if card.room else "",
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
