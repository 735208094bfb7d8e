"""The tables of the study with a pre-trained language model, from docs/study/*.csv.

`python -m bench.study.collect` writes these; what bench/study/kegg.yaml asks for and they do not
hold is listed as not run.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import yaml

from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.methods import METHODS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "study"
SUBSETS = {
    "all": "all",
    "question_decides": "the question decides",
    "sequence_decides": "the sequence decides",
}
_CONTROLS = CONTROLS["language"]
PROBES = {
    "revert": "variant reverted",
    "swap": "reference and variant swapped",
    "scramble": "scrambled",
    "blank": "blank",
    "other": "another record's",
}


def section(folder: Path = FOLDER) -> str:
    """What stands between the marks in docs/results.md."""
    kegg = _yaml()["language"]
    asked = dict.fromkeys(kegg["suites"], [*kegg["methods"], *kegg["variants"]])
    return "\n".join(_tables(folder, asked))


def _yaml() -> dict:
    path = ROOT / "bench" / "study" / "kegg.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read(path: Path) -> list[dict]:
    """The rows of a CSV; none where there is no such file yet."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _tables(folder: Path, asked: dict[str, list[str]]) -> Iterator[str]:
    """The tables of the CSVs of a folder, and which methods that each suite asks for have none."""
    scores, comparisons, cost = (
        read(folder / f"{name}.csv") for name in ("scores", "comparisons", "cost")
    )
    for suite, names in asked.items():
        tested = [row for row in scores if row["suite"] == suite and row["split"] == "test"]
        here = [row for row in tested if row["metric"] == "accuracy"]
        if here:
            yield from _accuracy(suite, here, names)
            yield from _answers(tested, names)
            compared = [row for row in comparisons if row["suite"] == suite]
            yield from _probes(here, compared, names)
            yield from _differences(compared, names)
        scored = {row["method"] for row in here}
        if absent := [f"`{name}`" for name in names if name not in scored]:
            yield f"**Not run yet** on `{suite}`: {', '.join(absent)}."
            yield ""
    yield from _pairs(read(folder / "pairs.csv"))
    if cost:
        yield from _cost(cost)


def _accuracy(suite: str, rows: list[dict], names: list[str]) -> Iterator[str]:
    plain = [row for row in rows if row["probe"] == "none"]
    found = {(row["method"], row["subset"]): row for row in plain}
    counts = {row["subset"]: row["n"] for row in plain if row["subset"] in SUBSETS}
    told = " | ".join(f"{SUBSETS[subset]} ({n})" for subset, n in counts.items())
    yield f"| `{suite}`, accuracy, test | {told} | trained parameters |"
    yield "|---" * (len(counts) + 2) + "|"
    methods = {row["method"] for row in plain}
    for method in sorted(methods, key=[*names, *_CONTROLS].index):
        cells = [interval(found.get((method, subset)), "value") for subset in counts]
        trained = int(found[method, "all"]["trained_parameters"])
        yield f"| {title(method)} | {' | '.join(cells)} | {trained:,} |"
    yield ""


def _answers(rows: list[dict], names: list[str]) -> Iterator[str]:
    found = {(row["method"], row["metric"]): row for row in rows if row["probe"] == "none"}
    yield "| all rows | label of highest likelihood is right | answer is no label |"
    yield "|---|---|---|"
    for name in names:
        if (name, "invalid_rate") in found:
            cells = [
                interval(found[name, m], "value") for m in ("likelihood_accuracy", "invalid_rate")
            ]
            yield f"| {title(name)} | {' | '.join(cells)} |"
    yield ""


def _probes(scores: list[dict], compared: list[dict], names: list[str]) -> Iterator[str]:
    """Accuracy on the probed rows as they are, and how it changes with what is done to the DNA."""
    scores, compared = ([r for r in rows if r["subset"] == "all"] for rows in (scores, compared))
    unaltered = {row["method"]: row for row in scores if row["probe"] == "unaltered"}
    changes = [row for row in compared if row["against"] == "unaltered"]
    change = {(row["method"], row["probe"]): row for row in changes}
    shown = [probe for probe in PROBES if probe in {row["probe"] for row in changes}]
    if not shown:
        return
    counted = f"{changes[0]['n']} rows of {changes[0]['clusters']} clusters"
    told = " | ".join(PROBES[probe] for probe in shown)
    yield f"| accuracy on {counted}, and its change | unaltered | {told} |"
    yield "|---" * (len(shown) + 2) + "|"
    for name in [name for name in names if name in unaltered]:
        cells = [interval(change.get((name, probe)), "difference") for probe in shown]
        yield f"| {title(name)} | {interval(unaltered[name], 'value')} | {' | '.join(cells)} |"
    yield ""


def _differences(rows: list[dict], names: list[str]) -> Iterator[str]:
    """Against the model without DNA, and the DNA without a model; comparisons.csv has the rest."""
    shown = [
        row
        for row in rows
        if row["subset"] in ("all", "sequence_decides")
        and row["method"] in names
        and row["against"] in ("text_only", "kmer")
    ]
    if not shown:
        return
    yield "| | against | rows | difference | smallest detectable | verdict |"
    yield "|---|---|---|---|---|---|"
    for row in shown:
        rows_of = SUBSETS[row["subset"]]
        yield (
            f"| {title(row['method'])} | {title(row['against'])} | {rows_of} |"
            f" {interval(row, 'difference')} | {_detectable(row)} | {row['verdict']} |"
        )
    yield ""


def _pairs(rows: list[dict]) -> Iterator[str]:
    """With pre-training against without, and with the names in the question against without."""
    twins = [row for row in rows if row["suite"] == row["against_suite"]]
    named = [row for row in rows if row["suite"] != row["against_suite"]]
    for told, chosen in (
        ("with pre-training less without, one test each", twins),
        ("`kegg` less `kegg_anonymous`, one test each", named),
    ):
        if not chosen:
            continue
        yield f"| {told} | rows | n | difference | smallest detectable | verdict |"
        yield "|---|---|---|---|---|---|"
        for row in chosen:
            suite = f"`{row['suite']}`, " if chosen is twins else ""
            yield (
                f"| {suite}{title(row['method'])} | {SUBSETS[row['subset']]} | {row['n']} |"
                f" {interval(row, 'difference')} | {_detectable(row)} | {row['verdict']} |"
            )
        yield ""


def _cost(rows: list[dict]) -> Iterator[str]:
    yield "| training | learning rate | examples | seconds | peak memory, MB |"
    yield "|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| `{row['suite']}`, {title(row['method'])} | {float(row['learning_rate']):g} |"
            f" {row['examples']} | {float(row['seconds']):.0f} | {row['peak_memory_mb']} |"
        )
    yield ""


def _detectable(row: dict) -> str:
    """The smallest difference that a test would have found; "none" if not even the largest."""
    smallest = float(row["detectable"])
    return f"{smallest:.3f}" if math.isfinite(smallest) else "none"


def interval(row: dict | None, column: str) -> str:
    """A number of a row with its interval in text."""
    if row is None:
        return "none"
    value, low, high = (float(row[key]) for key in (column, "low", "high"))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def title(name: str) -> str:
    """A method's or variant's name in tables; those of controls in italics."""
    if name in _CONTROLS:
        return f"*{_CONTROLS[name].title}*"
    if name not in METHODS:
        return f"`{name}`"
    method = METHODS[name]
    return method.title if method.kind == "method" else f"*{method.title}*"
