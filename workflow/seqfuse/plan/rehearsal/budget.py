"""What a run comes to in GPU-hours, before its first job is submitted."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

from seqfuse.errors import UserError
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.progress import say


def hold(
    made: Callable[[], Estimates], jobs: Iterable[tuple[str, SimpleNamespace]], budget: float | None
) -> None:
    """Say what the jobs (rule, wildcards) come to; over the `budget` it is a `UserError`, and so is
    a budget that cannot be held, because the card or some job's shapes are not known. Without a
    budget, a site's card may be any."""
    try:
        estimates = made()
    except UserError as error:
        if budget is not None:
            raise
        say(f"GPU-hours are not known: {error}")
        return
    hours, unknown = total(estimates, jobs)
    least = "at least " if unknown else ""
    say(f"{least}{hours:,.1f} GPU-hours on {estimates.card.title}, as `seqfuse rehearse` computes")
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
