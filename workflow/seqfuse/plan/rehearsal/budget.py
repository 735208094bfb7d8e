"""What a run comes to in GPU-hours, before its first job is submitted."""

from collections.abc import Iterable
from types import SimpleNamespace

from seqfuse.errors import UserError
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.progress import say


def hold(estimates: Estimates, jobs: Iterable[tuple[str, SimpleNamespace]]) -> None:
    """Say what the jobs (rule, wildcards) come to; over `budget_gpu_hours` it is a `UserError`, and
    so is a budget that cannot be held because some job's shapes are not known."""
    hours, unknown = total(estimates, jobs)
    budget, card = estimates.run.settings["budget_gpu_hours"], estimates.card
    least = "at least " if unknown else ""
    say(f"{least}{hours:,.1f} GPU-hours on {card.title}, as `seqfuse rehearse` computes")
    if budget is None:
        return
    if unknown:
        raise UserError(
            f"budget_gpu_hours is {budget:g}, but what {unknown} jobs take is not known; run"
            " `seqfuse rehearse` with the same words first"
        )
    if hours > budget:
        raise UserError(over(hours, budget))


def over(hours: float, budget: float) -> str:
    """That a run takes more than its budget, and what to do."""
    return (
        f"the run takes {hours:,.1f} GPU-hours, budget_gpu_hours is {budget:g}; raise it, or take"
        " fewer suites, seeds or learning rates (`seqfuse rehearse` shows which cost what)"
    )


def total(estimates: Estimates, jobs: Iterable[tuple[str, SimpleNamespace]]) -> tuple[float, int]:
    """GPU-hours of the jobs, and how many of them cannot be told."""
    hours, unknown = 0.0, 0
    for rule, wildcards in jobs:
        try:
            found = estimates.of(rule, wildcards)
        except UserError:
            unknown += 1
        else:
            hours += found.gpu_hours if found else 0
    return hours, unknown
