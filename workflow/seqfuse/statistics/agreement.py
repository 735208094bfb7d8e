"""How far two judges agree on the same answers."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seqfuse.registry.judges import DIMENSIONS


@dataclass(frozen=True)
class Agreement:
    """How two judges compare on one dimension.

    `spearman` is None if either judge gives every answer the same score. `difference` is the mean
    of the other judge's score minus the first's, `distance` the mean absolute difference; both are
    None if no answer has both scores.
    """

    dimension: str
    judge: str
    other: str
    answers: int
    spearman: float | None = None
    difference: float | None = None
    distance: float | None = None

    def __str__(self) -> str:
        """One line for the log."""
        who = f"{self.dimension}: {self.judge} and {self.other}"
        if self.answers < 2:
            return f"{who}: {self.answers} verdicts in common"
        rho = "none (constant)" if self.spearman is None else f"{self.spearman:.2f}"
        return (
            f"{who}: Spearman {rho}, mean difference {self.difference:+.2f}, "
            f"mean distance {self.distance:.2f}, {self.answers} verdicts"
        )


def agreements(verdicts: Iterable[dict]) -> Iterator[Agreement]:
    """The agreement on each dimension of each pair of judges, from rows of `tables.VERDICTS`.

    Rows without a score (status other than "ok") are skipped.
    """
    scores: dict[str, dict[str, dict[tuple, float]]] = {}
    for row in verdicts:
        if row["status"] == "ok":
            answer = tuple(row[key] for key in ("dataset", "method", "seed", "id"))
            by_judge = scores.setdefault(row["dimension"], {})
            by_judge.setdefault(row["judge"], {})[answer] = row["score"]
    for dimension in DIMENSIONS:
        for (one, a), (other, b) in itertools.combinations(scores.get(dimension, {}).items(), 2):
            pairs = [(a[answer], b[answer]) for answer in a if answer in b]
            numbers = _compare(pairs) if pairs else ()
            yield Agreement(dimension, one, other, len(pairs), *numbers)


def _compare(pairs: Sequence[tuple[float, float]]) -> tuple[float | None, float, float]:
    from scipy.stats import spearmanr

    first, second = zip(*pairs, strict=True)
    constant = len(set(first)) == 1 or len(set(second)) == 1
    rho = None if constant else float(spearmanr(first, second).statistic)
    gaps = [b - a for a, b in pairs]
    return rho, sum(gaps) / len(gaps), sum(map(abs, gaps)) / len(gaps)
