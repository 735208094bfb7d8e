"""The test scores of a run and their comparisons by place, and where its verdicts are taken."""

import math
from dataclasses import dataclass

from seqfuse.registry.metrics import MEAN, METRICS
from seqfuse.report.inputs import Run
from seqfuse.report.titles import order

STUDIES = ("language", "codons")
DECIDES = "sequence_decides"
_OPPOSITE = {"better": "worse", "worse": "better"}


@dataclass(frozen=True)
class Place:
    """The test rows that a ranking is over, and the metric that it goes by."""

    study: str
    suite: str
    dataset: str
    subset: str
    metric: str


class Results:
    """The test scores and their comparisons, by place; `probed` has those of altered DNA."""

    def __init__(self, run: Run):
        self.primary = {(r["suite"], r["dataset"]): r["metric"] for r in run.comparisons}
        self.scores: dict[Place, dict[str, dict]] = {}
        # Study A first, whatever the order of the files.
        for row in sorted(run.metrics, key=lambda row: STUDIES.index(row["study"])):
            metric = self.primary.get((row["suite"], row["dataset"]))
            if row["split"] == "test" and row["probe"] == "none" and row["metric"] == metric:
                self.scores.setdefault(_place(row), {})[row["method"]] = row
        self.probed: dict[tuple[Place, str], dict[str, dict]] = {}
        for row in run.metrics:
            if row["split"] == "test" and row["kind"] == "probe":
                self.probed.setdefault((_place(row), row["method"]), {})[row["probe"]] = row
        self.compared: dict[tuple[Place, str, str], dict] = {}
        for row in run.comparisons:
            if row["split"] != "test":
                continue
            there, (one, other) = _place(row), (row["method"], row["against"])
            self.compared[there, one, other] = row
            self.compared[there, other, one] = row | _turned(row)

    def names(self, place: Place, kind: str) -> list[str]:
        """The methods or the controls at a place, in the order of the catalogues."""
        return order(name for name, row in self.scores[place].items() if row["kind"] == kind)

    def best_control(self, place: Place) -> str | None:
        """The control of the best score."""
        controls = self.names(place, "control")
        return min(controls, key=lambda name: self.rank(place, name), default=None)

    def rank(self, place: Place, name: str) -> tuple[bool, float]:
        """A key that sorts the best score first and one that is not defined last."""
        value = self.scores[place][name]["value"]
        sign = 1 if METRICS[place.metric].better == "lower" else -1
        return math.isnan(value), sign * value

    def room(self, place: Place, name: str) -> float:
        """How much better than this score the best possible one is; infinite of a metric without
        ends."""
        metric, value = METRICS[place.metric], self.scores[place][name]["value"]
        if metric.ends is None:
            return math.inf
        return value - metric.ends[0] if metric.better == "lower" else metric.ends[1] - value

    def count(self, place: Place) -> str:
        """The test rows of a place: "400 test rows"."""
        n = next(iter(self.scores[place].values()))["n"]
        return f"{n:,} test row{'s' if n != 1 else ''}"

    def beats(self, place: Place, method: str, other: str) -> bool:
        """Whether a method is significantly better than another."""
        row = self.compared.get((place, method, other))
        return row is not None and row["verdict"] == "better"

    def beats_all(self, place: Place, method: str, others: list[str]) -> bool:
        """Whether a method is significantly better than each of the others."""
        return all(self.beats(place, method, other) for other in others)


def decisive(places: list[Place]) -> list[Place]:
    """Where a suite's verdict is taken: rows that only the sequence decides, where a set has them.

    Of the other sets the mean over the suite, where there is one, or else each set as a whole.
    """
    halves = [place for place in places if place.subset == DECIDES]
    split = {(place.suite, place.dataset) for place in halves}
    whole = [p for p in places if p.subset == "all" and (p.suite, p.dataset) not in split]
    averaged = {place.suite for place in whole if place.dataset == MEAN}
    return [
        place
        for place in places
        if place in halves
        or (place in whole and (place.dataset == MEAN or place.suite not in averaged))
    ]


def where(results: Results, place: Place) -> str:
    """The rows of a place in words."""
    what = f"mean over the sets of {place.suite}" if place.dataset == MEAN else place.dataset
    decided = ", rows that only the sequence decides" if place.subset == DECIDES else ""
    return f"{what}{decided}; {results.count(place)}; {METRICS[place.metric].title}"


def _place(row: dict) -> Place:
    return Place(row["study"], row["suite"], row["dataset"], row["subset"], row["metric"])


def _turned(row: dict) -> dict:
    """The same comparison seen from the other side."""
    return {
        "method": row["against"],
        "against": row["method"],
        "difference": -row["difference"],
        "low": -row["high"],
        "high": -row["low"],
        "verdict": _OPPOSITE.get(row["verdict"], row["verdict"]),
    }
