"""Paired differences between two methods: their size, their interval and the verdict in words."""

import math
from dataclasses import dataclass

import numpy as np

from seqfuse.registry.metrics import BEATS_ALL
from seqfuse.statistics import inference


@dataclass(frozen=True)
class Rule:
    """How a verdict is reached: the level of a family of tests, and the margin within which two
    methods count as equivalent."""

    level: float
    margin: float


@dataclass(frozen=True)
class Compared:
    """The difference of two scores on the same rows, before the verdict.

    `better` is "higher" or "lower"; `most` is the largest difference that the metric allows, and
    `attainable` the largest between either of these two scores and any other.
    """

    difference: inference.Difference
    better: str
    most: float
    clusters: int
    attainable: float

    @property
    def tested(self) -> bool:
        """Whether there are enough clusters for a test."""
        return not math.isnan(self.difference.p)


def compare(
    one: inference.Estimate,
    other: inference.Estimate,
    better: str = "higher",
    ends: tuple[float, float] = (0.0, 1.0),
    paired: bool = False,
) -> Compared:
    """The difference of two scores of a metric that lies between `ends`; `paired` if both are of
    the same trained models."""
    difference = inference.difference(one, other, paired)
    clusters = min(part.clusters for part in one.parts)
    scores = float(one.value), float(other.value)
    attainable = max(ends[1] - min(scores), max(scores) - ends[0])
    return Compared(difference, better, ends[1] - ends[0], clusters, attainable)


def judged(
    compared: list[Compared], families: list[list[int]], rule: Rule
) -> list[dict[str, float | str]]:
    """The columns of comparisons.parquet for each comparison, in the order given.

    Each of the `families` lists the comparisons, by number, that are tested together. A comparison
    in several families gets the largest p and the widest interval of all.
    """
    strictest = [(0.0, rule.level, 1)] * len(compared)
    for family in families:
        tested = [number for number in family if compared[number].tested]
        p_values = [float(compared[number].difference.p) for number in tested]
        for number, (p, level) in zip(tested, inference.holm(p_values, rule.level), strict=True):
            before = strictest[number]
            strictest[number] = (
                max(before[0], p),
                min(before[1], level),
                max(before[2], len(tested)),
            )
    return [_judged(one, *bounds, rule) for one, bounds in zip(compared, strictest, strict=True)]


def _judged(compared: Compared, p_holm: float, level: float, tests: int, rule: Rule) -> dict:
    difference = compared.difference
    low, high = (
        float(np.clip(end, -compared.most, compared.most)) for end in difference.interval(level)
    )
    detectable = float(difference.detectable(rule.level / tests))
    columns = {
        "difference": float(difference.value),
        "low": low,
        "high": high,
        "p": float(difference.p),
        "p_holm": p_holm if compared.tested else math.nan,
        "detectable": math.inf if detectable > compared.attainable else detectable,
        "p_equivalent": min(1.0, tests * float(difference.p_equivalent(rule.margin))),
        "clusters": compared.clusters,
    }
    if not compared.tested:
        none = f"no interval can be had of {_clusters(compared.clusters)}"
        return columns | {"p_equivalent": math.nan, "verdict": none, "equivalence": none}
    alike = columns["p_equivalent"] < rule.level
    return columns | {
        "verdict": verdict(float(difference.centre), p_holm, rule.level, compared.better),
        "equivalence": f"{'equivalent' if alike else 'not shown to be equivalent'} "
        f"within \N{PLUS-MINUS SIGN}{rule.margin:g} (p = {number(columns['p_equivalent'])})",
    }


def verdict(centre: float, p_holm: float, level: float, better: str) -> str:
    """ "better" or "worse" if the adjusted p is below the level, else "not significant ..."."""
    if p_holm >= level:
        return f"not significant after Holm (p = {number(p_holm)})"
    return "better" if (centre > 0) == (better == "higher") else "worse"


def verdict_on_all(pairs: list[dict]) -> str:
    """The verdict on one method from its comparisons with all controls: those it does not beat."""
    unbeaten = [row["against"] for row in pairs if row["verdict"] != "better"]
    return f"does not beat {', '.join(unbeaten)}" if unbeaten else BEATS_ALL


def number(p: float) -> str:
    """A p value as it is printed."""
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def _clusters(count: int) -> str:
    return f"{count} cluster{'s' if count != 1 else ''} of rows"
