"""Paired differences between two methods: how large, how sure, and what to call them."""

import numpy as np
from scipy.special import bdtr, stdtr

from seqfuse.evaluation.score import Score
from seqfuse.registry.metrics import BEATS_ALL


def p_value(difference: float, draws: np.ndarray, clusters: int) -> float:
    """Two-sided p of a paired difference from its bootstrap draws.

    The draws' standard deviation is the cluster-robust standard error, and Student's t with
    clusters - 1 degrees of freedom its reference: unlike a count of draws beyond 0, this has no
    floor that Holm's correction of a large family could not pass. What it cannot go below is
    2 ** (1 - clusters), the least that a sign-flip test of as many clusters can give.
    """
    if difference == 0:
        return 1.0
    if clusters < 2:
        return 1.0
    floor = 2.0 ** (1 - min(clusters, 1000))
    error = float(np.std(draws, ddof=1))
    if error == 0:
        return floor
    return max(floor, min(1.0, 2 * float(stdtr(clusters - 1, -abs(difference) / error))))


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Exact two-sided p (McNemar 1947) of which rows bool[n] two classifiers have right.

    Of the rows that one alone has right, each is the first's with probability 1/2 if neither is
    better. It asks about two trained models, not two methods, and needs independent rows.
    """
    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    return min(1.0, 2 * float(bdtr(min(one, other), one + other, 0.5)))


def holm(p_values: list[float]) -> list[float]:
    """Holm's (1979) adjusted p-values of one family, in the order given."""
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return [float(p) for p in adjusted]


def verdict(difference: float, p_holm: float, confidence: float, better: str) -> str:
    """The difference in words: inside the noise unless the adjusted p is below 1 - confidence."""
    if p_holm >= 1 - confidence:
        return "inside the noise"
    return "better" if (difference > 0) == (better == "higher") else "worse"


def verdict_on_all(pairs: list[dict]) -> str:
    """Comparisons of one method with all of its controls, in words: which it does not beat."""
    unbeaten = [row["against"] for row in pairs if row["verdict"] != "better"]
    return f"does not beat {', '.join(unbeaten)}" if unbeaten else BEATS_ALL


def difference(method: Score, against: Score) -> tuple[float, np.ndarray]:
    """The difference of two scores and its draws, paired by the resampled clusters."""
    return method.value - against.value, method.draws - against.draws
