"""The GPU-hours of a run, added up and held to the budget before its first job is submitted."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

from seqfuse.errors import UserError
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.progress import say


def hold(
    made: Callable[[], Estimates], jobs: Iterable[tuple[str, SimpleNamespace]], budget: float | None
) -> None:
    """Print the GPU-hours of the jobs (rule, wildcards). More than the `budget` is a `UserError`,
    and so is a budget that cannot be checked because the card or the shapes of a job are unknown.
    Without a budget, the card may be unknown."""
    try:
        estimates = made()
    except UserError as error:
        if budget is not None:
            raise
        say(f"GPU-hours cannot be estimated: {error}")
        return
    hours, unknown = total(estimates, jobs)
    least = "at least " if unknown else ""
    say(f"{least}{hours:,.1f} GPU-hours on {estimates.card.title}, as `seqfuse rehearse` computes")
    if budget is None:
        return
    if unknown:
        raise UserError(
            f"budget_gpu_hours is {budget:g}, but {unknown} jobs have no estimate yet; run"
            " `seqfuse rehearse` with the same words first"
        )
    if hours > budget:
        raise UserError(over(hours, budget))


def over(hours: float, budget: float) -> str:
    """The message that a run takes more than its budget, with what to do."""
    return (
        f"the run takes {hours:,.1f} GPU-hours, budget_gpu_hours is {budget:g}; raise it, or use"
        " fewer suites, seeds or learning rates (`seqfuse rehearse` shows what each costs)"
    )


def total(estimates: Estimates, jobs: Iterable[tuple[str, SimpleNamespace]]) -> tuple[float, int]:
    """The GPU-hours of the jobs, and how many of them have no estimate."""
    hours, unknown = 0.0, 0
    for rule, wildcards in jobs:
        try:
            estimate = estimates.of(rule, wildcards)
        except UserError:
            unknown += 1
        else:
            hours += estimate.gpu_hours if estimate else 0
    return hours, unknown
