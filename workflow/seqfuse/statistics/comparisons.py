"""Paired differences between two methods: how large, how sure, and what to call them."""

import math
from dataclasses import dataclass

import numpy as np

from seqfuse.registry.metrics import BEATS_ALL
from seqfuse.statistics import inference


@dataclass(frozen=True)
class Rule:
    """What a verdict is reached by: the level of a family of tests, and the margin within which two
    methods are called equivalent."""

    level: float
    margin: float


@dataclass(frozen=True)
class Compared:
    """Two scores of the same rows, not yet judged: their difference, and what it is made of.

    `most` is the largest difference that two scores of the metric can have.
    """

    difference: inference.Difference
    better: str
    most: float
    clusters: int

    @property
    def tested(self) -> bool:
        """Whether there are clusters enough to say how sure the difference is."""
        return not math.isnan(self.difference.p)


def compare(
    one: inference.Estimate,
    other: inference.Estimate,
    better: str = "higher",
    ends: tuple[float, float] = (0.0, 1.0),
    paired: bool = False,
) -> Compared:
    """The difference of two scores of a metric that lies between `ends`; `paired` where one
    training made both."""
    found = inference.difference(one, other, paired)
    clusters = min(part.clusters for part in one.parts)
    return Compared(found, better, ends[1] - ends[0], clusters)


def judged(
    compared: list[Compared], families: list[list[int]], rule: Rule
) -> list[dict[str, float | str]]:
    """Columns of comparisons.parquet of each comparison, in the order given.

    `families` holds the comparisons that are tested together, by number. One that is in several is
    judged by the strictest: its p is the largest, and its interval the widest.
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
    return [_judged(one, *found, rule) for one, found in zip(compared, strictest, strict=True)]


def _judged(compared: Compared, p_holm: float, level: float, tests: int, rule: Rule) -> dict:
    found = compared.difference
    low, high = (
        float(np.clip(end, -compared.most, compared.most)) for end in found.interval(level)
    )
    detectable = float(found.detectable(rule.level / tests))
    columns = {
        "difference": float(found.value),
        "low": low,
        "high": high,
        "p": float(found.p),
        "p_holm": p_holm if compared.tested else math.nan,
        "detectable": math.inf if detectable > compared.most else detectable,
        "p_equivalent": min(1.0, tests * float(found.p_equivalent(rule.margin))),
        "clusters": compared.clusters,
    }
    if not compared.tested:
        none = f"no interval can be had of {_clusters(compared.clusters)}"
        return columns | {"p_equivalent": math.nan, "verdict": none, "equivalence": none}
    alike = columns["p_equivalent"] < rule.level
    return columns | {
        "verdict": verdict(float(found.centre), p_holm, rule.level, compared.better),
        "equivalence": f"{'equivalent' if alike else 'not shown to be equivalent'} "
        f"within \N{PLUS-MINUS SIGN}{rule.margin:g} (p = {number(columns['p_equivalent'])})",
    }


def verdict(centre: float, p_holm: float, level: float, better: str) -> str:
    """The difference in words: which method is better, if the adjusted p is below the level."""
    if p_holm >= level:
        return f"not significant after Holm (p = {number(p_holm)})"
    return "better" if (centre > 0) == (better == "higher") else "worse"


def verdict_on_all(pairs: list[dict]) -> str:
    """Comparisons of one method with all of its controls, in words: which it does not beat."""
    unbeaten = [row["against"] for row in pairs if row["verdict"] != "better"]
    return f"does not beat {', '.join(unbeaten)}" if unbeaten else BEATS_ALL


def number(p: float) -> str:
    """A p value in words."""
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def _clusters(count: int) -> str:
    return f"{count} cluster{'s' if count != 1 else ''} of rows"
