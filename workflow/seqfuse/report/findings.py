"""What a run found, in words: which methods beat which controls, and whether the DNA was read.

Every statement is a verdict of comparisons.parquet, where a difference counts if its p value, after
Holm's correction, is below 1 - confidence. Nothing is tested here. That nothing was found is said
with the smallest difference that would have been.
"""

import math
from dataclasses import dataclass

from seqfuse.registry.arms import ARMS
from seqfuse.registry.metrics import MEAN, METRICS
from seqfuse.report.inputs import Run
from seqfuse.report.titles import order, title

STUDIES = ("language", "codons")
_DECIDES = "sequence_decides"
_OPPOSITE = {"better": "worse", "worse": "better"}


@dataclass(frozen=True)
class Place:
    """The test rows that a ranking is over, and the metric that it goes by."""

    study: str
    suite: str
    dataset: str
    subset: str
    metric: str


@dataclass(frozen=True)
class Line:
    """One method at one place: its score, and the controls that it is and is not better than."""

    score: dict
    beaten: list[str]
    unbeaten: list[dict]


@dataclass(frozen=True)
class Finding:
    """The verdict on one place in a sentence, and the methods' lines under it."""

    place: Place
    sentence: str
    where: str
    lines: list[Line]


class Results:
    """The unaltered test scores and their comparisons, by place."""

    def __init__(self, run: Run):
        self.primary = {(r["suite"], r["dataset"]): r["metric"] for r in run.comparisons}
        self.scores: dict[Place, dict[str, dict]] = {}
        # Study A first, whatever the order of the files.
        for row in sorted(run.metrics, key=lambda row: STUDIES.index(row["study"])):
            metric = self.primary.get((row["suite"], row["dataset"]))
            if row["split"] == "test" and row["probe"] == "none" and row["metric"] == metric:
                self.scores.setdefault(_place(row), {})[row["method"]] = row
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

    def beats(self, place: Place, method: str, other: str) -> bool:
        """Whether a method is significantly better than another."""
        row = self.compared.get((place, method, other))
        return row is not None and row["verdict"] == "better"

    def beats_all(self, place: Place, method: str, others: list[str]) -> bool:
        """Whether a method is significantly better than each of the others."""
        return all(self.beats(place, method, other) for other in others)


def cut_answers(run: Run) -> list[tuple[str, str]]:
    """(dataset, which methods' answers were cut, and how many) where any test answer was."""
    shares: dict[str, dict[str, float]] = {}
    for row in run.metrics:
        place = (row["split"], row["subset"], row["probe"], row["metric"])
        if place == ("test", "all", "none", "cut_rate") and row["value"] > 0:
            shares.setdefault(row["dataset"], {})[row["method"]] = row["value"]
    return [
        (
            dataset,
            "test answers that language.prompt.max_new_tokens cut before they ended: "
            + ", ".join(f"{title(name)} {100 * found[name]:.1f} %" for name in order(found)),
        )
        for dataset, found in shares.items()
    ]


def blind(name: str) -> bool:
    """Whether a control answers without reading the sequence that it is asked about."""
    return name in ("text_only", "majority") or name.endswith("_lookup")


def findings(results: Results) -> list[Finding]:
    """One finding for each place at which a suite is decided."""
    return [_finding(results, place) for place in decisive(list(results.scores))]


def decisive(places: list[Place]) -> list[Place]:
    """Where a suite's verdict is taken: rows that only the sequence decides, where a set has them.

    Of the other sets the mean over the suite, where there is one, or else each set as a whole.
    """
    halves = [place for place in places if place.subset == _DECIDES]
    split = {(place.suite, place.dataset) for place in halves}
    whole = [p for p in places if p.subset == "all" and (p.suite, p.dataset) not in split]
    averaged = {place.suite for place in whole if place.dataset == MEAN}
    return [
        place
        for place in places
        if place in halves
        or (place in whole and (place.dataset == MEAN or place.suite not in averaged))
    ]


def _finding(results: Results, place: Place) -> Finding:
    rows = results.scores[place]
    methods, controls = results.names(place, "method"), results.names(place, "control")
    lines = [
        Line(
            rows[name],
            [other for other in controls if results.beats(place, name, other)],
            [
                results.compared[place, name, other]
                for other in controls
                if (place, name, other) in results.compared
                and not results.beats(place, name, other)
            ],
        )
        for name in sorted(methods, key=lambda name: results.rank(place, name))
    ]
    sentence = _fused if place.study == "codons" else _read
    return Finding(place, sentence(results, place, methods, controls), where(results, place), lines)


def where(results: Results, place: Place) -> str:
    """The rows of a place in words."""
    n = next(iter(results.scores[place].values()))["n"]
    what = f"mean over the sets of {place.suite}" if place.dataset == MEAN else place.dataset
    decided = ", rows that only the sequence decides" if place.subset == _DECIDES else ""
    return f"{what}{decided}; {n:,} test rows; {METRICS[place.metric].title}"


def _read(results: Results, place: Place, methods: list[str], controls: list[str]) -> str:
    """Study A: who read the sequence."""
    cannot = [name for name in controls if blind(name)]
    if not cannot:
        return "Not known: this run has no control that answers without the sequence."
    readers = [name for name in methods if results.beats_all(place, name, cannot)]
    if not readers:
        blinded = "the text-only model and every" if "text_only" in cannot else "every"
        return (
            "No method was shown to read the sequence: none is significantly better than "
            f"{blinded} look-up. {_missed(results, place, methods, cannot)}"
        )
    best = [name for name in readers if results.beats_all(place, name, controls)]
    text = f"{_listed(readers)} read the sequence"
    if best == readers:
        return f"{text}, and beat every control."
    if best:
        return f"{text}; {_listed(best)} also beat every control that sees the DNA."
    return f"{text}, but none beat every control that sees the DNA without a language model."


def _fused(results: Results, place: Place, methods: list[str], controls: list[str]) -> str:
    """Study B: whether a fusion adds to its parts."""
    singles = [name for name in methods if name in ARMS and not ARMS[name].fusion]
    fusions = [name for name in methods if name not in singles]
    if not fusions or not singles:
        return f"Not asked: this run has no {'fusion' if singles else 'single modality'}."
    adds = [name for name in fusions if results.beats_all(place, name, singles)]
    if not adds:
        return (
            "No fusion is significantly better than every single modality. "
            f"{_missed(results, place, fusions, singles)}"
        )
    best = [name for name in adds if results.beats_all(place, name, controls)]
    text = f"{_listed(adds)} beat every single modality"
    if best == adds:
        return f"{text} and every control."
    if best:
        return f"{text}; {_listed(best)} also beat every control."
    return f"{text}, but no fusion beats every control."


def _missed(results: Results, place: Place, methods: list[str], others: list[str]) -> str:
    """How large a difference the tests that found nothing could have missed, against the best."""
    best = min(others, key=lambda name: results.rank(place, name))
    pairs = [results.compared.get((place, name, best)) for name in methods]
    missed = [row["detectable"] for row in pairs if row and math.isfinite(row["detectable"])]
    if not missed:
        return "This is no evidence that none is: these rows are too few for any test."
    return (
        "This is no evidence that none is: these rows would miss a true advantage over "
        f"{title(best)} of less than {max(missed):.2f} more often than one time in five."
    )


def _listed(names: list[str]) -> str:
    titles = [title(name) for name in names]
    return " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]]))


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
