"""What a run found, in words: which methods beat which controls, and whether the DNA was read.

Every statement is a verdict of comparisons.parquet, where a difference counts if its p value, after
Holm's correction, is below 1 - confidence. Nothing is tested here. That nothing was found is said
with the smallest difference that would have been.
"""

import math
from dataclasses import dataclass

from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import blind
from seqfuse.report import looks
from seqfuse.report.inputs import Run
from seqfuse.report.looks import Look
from seqfuse.report.results import DECIDES, Place, Results, decisive, where
from seqfuse.report.titles import order, title


@dataclass(frozen=True)
class Matrix:
    """Each method, best first, against each control: {(method, control): comparison}."""

    methods: list[dict]
    controls: list[str]
    compared: dict[tuple[str, str], dict]


@dataclass(frozen=True)
class Finding:
    """The verdict on one place: its numbers at a look, in a sentence, and method by control."""

    place: Place
    looks: list[Look]
    sentence: str
    where: str
    matrix: Matrix

    @property
    def axis(self) -> tuple[float, float]:
        """The ends of the axis on which its numbers are drawn."""
        return looks.axis(self.looks)

    @property
    def strip(self) -> list[dict[str, float | None]]:
        """The places of its numbers on that axis, in percent."""
        return looks.strip(self.looks)


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
            + ", ".join(
                f"{title(name)} {100 * by_method[name]:.1f} %" for name in order(by_method)
            ),
        )
        for dataset, by_method in shares.items()
    ]


def findings(results: Results) -> list[Finding]:
    """One finding for each place at which a suite is decided: first where only the DNA can tell."""
    places = decisive(list(results.scores))
    return [_finding(results, place) for place in sorted(places, key=lambda p: p.subset != DECIDES)]


def lines(verdicts: list[Finding]) -> list[str]:
    """The verdicts for a terminal: where each is taken and by what, its numbers, its sentence."""
    said = []
    for finding in verdicts:
        numbers = " \N{MIDDLE DOT} ".join(look.text for look in finding.looks)
        suite = finding.place.suite
        where = finding.where.removeprefix(f"{suite}; ")  # a set that is its own suite
        said += [f"{suite} ({where}): {numbers}", f"    {finding.sentence}"]
    return said


def _finding(results: Results, place: Place) -> Finding:
    rows = results.scores[place]
    methods, controls = results.names(place, "method"), results.names(place, "control")
    ranked = sorted(methods, key=lambda name: results.rank(place, name))
    pairs = {(name, other): (place, name, other) for name in methods for other in controls}
    matrix = Matrix(
        [rows[name] for name in ranked],
        controls,
        {pair: results.compared[key] for pair, key in pairs.items() if key in results.compared},
    )
    sentence, look = (_fused, looks.fusions) if place.study == "codons" else (_read, looks.readers)
    return Finding(
        place,
        look(results, place, ranked, controls),
        sentence(results, place, methods, controls),
        where(results, place),
        matrix,
    )


def _read(results: Results, place: Place, methods: list[str], controls: list[str]) -> str:
    """Study A: who read the sequence."""
    cannot = [name for name in controls if blind(name)]
    if not cannot:
        return "Not known: this run has no control that answers without the sequence."
    readers = [name for name in methods if results.beats_all(place, name, cannot)]
    if not readers:
        return (
            "No method was shown to read the sequence: none is significantly better than every "
            f"control that cannot read it. {_missed(results, place, methods, cannot)}"
        )
    best = [name for name in readers if results.beats_all(place, name, controls)]
    text = f"{_listed(readers)} read the sequence"
    if best == readers:
        return f"{text}, and beat every control."
    if best:
        return f"{text}; {_listed(best)} also beat every control that sees the DNA."
    return f"{text}, but no method beat every control that sees the DNA without a language model."


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
    detectable = [row["detectable"] for row in pairs if row and not math.isnan(row["detectable"])]
    rows = results.count(place)
    if not detectable:
        return f"This is no evidence that none is: {rows} are too few for any test."
    room = results.room(place, best)
    if room <= 0:
        return f"{title(best)} has a perfect score, so that no method can beat it."
    shown = [difference for difference in detectable if difference < room]
    if not shown:
        return (
            f"This is no evidence that none is: with {rows} and {_seeds(pairs)} not even a perfect "
            f"score could be told from that of {title(best)}."
        )
    return (
        f"This is no evidence that none is: {rows} would miss a true advantage over "
        f"{title(best)} of less than {max(shown):.2f} more often than one time in five"
        f"{', and that of single methods whatever its size' * (len(shown) < len(detectable))}."
    )


def _seeds(pairs: list[dict | None]) -> str:
    """How many trainings each of these comparisons rests on."""
    least = min(row["seeds"] for row in pairs if row)
    return f"{least} seed{'s' * (least > 1)}"


def _listed(names: list[str]) -> str:
    titles = [title(name) for name in names]
    return " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]]))
