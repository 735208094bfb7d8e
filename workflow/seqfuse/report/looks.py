"""A verdict's few numbers at a look: the best method, what it must beat, and what a probe does."""

import math
from dataclasses import dataclass

from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import blind
from seqfuse.registry.metrics import METRICS
from seqfuse.registry.subsets import PROBES
from seqfuse.report import cells
from seqfuse.report.results import Place, Results
from seqfuse.report.titles import title

# The most telling probes first; the first that the run has is shown.
_ALTERED = {
    "revert": "with the variant reverted",
    "scramble": "with the DNA scrambled",
    "blank": "with the DNA blanked",
}


@dataclass(frozen=True)
class Look:
    """One of the few scores that a verdict rests on; `part` says why it is shown."""

    name: str
    part: str
    score: dict
    kind: str = "method"

    @property
    def title(self) -> str:
        """Whose score it is, and of a probe what was done to its DNA."""
        whose = title(self.name)
        return f"{whose}, {PROBES[self.score['probe']]}" if self.kind == "probe" else whose

    @property
    def text(self) -> str:
        """The score in a word or two: "OneVocab 0.94", "0.20 with the variant reverted"."""
        value = cells.number(self.score["value"], 2)
        if self.kind == "probe":
            return f"{value} {_ALTERED[self.score['probe']]}"
        return f"{title(self.name)} {value}"


def readers(results: Results, place: Place, ranked: list[str], controls: list[str]) -> list[Look]:
    """Study A: the best method, the best control without DNA, the best with it, and one probe."""
    cannot = [name for name in controls if blind(name)]
    parts = (
        (ranked, "the best method", "method"),
        # Trained as the methods are, the text-only model says most among equal controls.
        (sorted(cannot, key=lambda name: name != "text_only"), "cannot read the DNA", "control"),
        ([n for n in controls if not blind(n)], "the best control that sees the DNA", "control"),
    )
    looks = _best(results, place, parts)
    probes = results.probed.get((place, ranked[0]), {}) if ranked else {}
    altered = next((probes[probe] for probe in _ALTERED if probe in probes), None)
    if altered:
        part = f"the same model on {altered['n']:,} of the rows"
        looks.append(Look(ranked[0], part, altered, "probe"))
    return looks


def fusions(results: Results, place: Place, ranked: list[str], controls: list[str]) -> list[Look]:
    """Study B: the best fusion, the best single modality and the best control."""
    fused = [name for name in ranked if name not in ARMS or ARMS[name].fusion]
    parts = (
        (fused, "the best fusion", "method"),
        ([name for name in ranked if name not in fused], "the best single modality", "method"),
        (controls, "the best control", "control"),
    )
    return _best(results, place, parts)


def _best(results: Results, place: Place, parts) -> list[Look]:
    """The best score of each part that has any."""
    looks = []
    for names, part, kind in parts:
        best = min(names, key=lambda name: results.rank(place, name), default=None)
        if best is not None:
            looks.append(Look(best, part, results.scores[place][best], kind))
    return looks


def axis(looks: list[Look]) -> tuple[float, float]:
    """Where the axis of these scores starts (0, or below) and ends (the best of the metric)."""
    rows = [look.score for look in looks]
    values = [row[key] for row in rows for key in ("value", "low", "high")]
    values = [value for value in values if math.isfinite(value)] or [0.0]
    ends = METRICS[rows[0]["metric"]].ends if rows else None
    return min(0.0, *values), ends[1] if ends else max(0.0, *values)


def strip(looks: list[Look]) -> list[dict[str, float | None]]:
    """Where each score and its interval stand on that axis, in percent of its width."""
    start, end = axis(looks)

    def place(value: float) -> float | None:
        percent = 100 * (value - start) / (end - start or 1.0)
        return round(percent, 2) if math.isfinite(value) else None

    return [{key: place(look.score[key]) for key in ("value", "low", "high")} for look in looks]
