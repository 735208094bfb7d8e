"""The README.md in a suite's evaluation folder: the score of each method and every control."""

import math
from collections.abc import Iterator, Mapping, Sequence

from seqfuse.registry.metrics import EVERY_CONTROL, METRICS
from seqfuse.registry.subsets import subset
from seqfuse.registry.titles import TITLES

_NOT = "does not beat "
_KINDS = ("method", "ablation", "control")
_HEAD = """# Scores of {suite}, beside their controls

Test split; {confidence:g} % intervals. If a control scores as high, the score is no evidence that
the model read the sequence. Printed by `seqfuse evaluation` from metrics.parquet and
comparisons.parquet, which also hold the other metrics, splits and comparisons.
"""


def text(
    suite: str, metrics: Sequence[Mapping], compared: Sequence[Mapping], confidence: float
) -> str:
    """The card as Markdown, from rows of metrics.parquet and comparisons.parquet."""
    verdicts = [row for row in compared if row["against"] == EVERY_CONTROL]
    places = dict.fromkeys(
        (row["dataset"], row["subset"], row["metric"]) for row in verdicts if _plain(row)
    )
    parts = [_HEAD.format(suite=suite, confidence=100 * confidence)]
    for place in places:
        verdict_of = {row["method"]: row["verdict"] for row in verdicts if _at(row, place)}
        rows = [row for row in metrics if _at(row, place)]
        parts.append("\n".join(_table(place, rows, verdict_of)) + "\n")
    return "\n".join(parts)


def _plain(row: Mapping) -> bool:
    return row["split"] == "test" and row.get("probe") in (None, "none")


def _at(row: Mapping, place: tuple[str, str, str]) -> bool:
    return _plain(row) and (row["dataset"], row["subset"], row["metric"]) == place


def _table(
    place: tuple[str, str, str], rows: Sequence[Mapping], verdict_of: Mapping[str, str]
) -> Iterator[str]:
    dataset, part, metric = place
    most = max((row["n"] for row in rows), default=0)
    yield f"## {dataset}, {subset(part)} ({most} rows)\n"
    yield f"| | {METRICS[metric].title} | interval | seeds | |"
    yield "|---|---|---|---|---|"
    sign = -1 if METRICS[metric].better == "higher" else 1
    for row in sorted(rows, key=lambda row: (_KINDS.index(row["kind"]), sign * row["value"])):
        name = TITLES.get(row["method"], row["method"])
        verdict = verdict_of.get(row["method"], "control" if row["kind"] == "control" else "")
        cells = name, _number(row["value"]), _interval(row), row["seeds"], _readable(verdict)
        yield "| " + " | ".join(map(str, cells)) + " |"


def _readable(verdict: str) -> str:
    """A verdict that names controls by their titles."""
    start, names = verdict[: len(_NOT)], verdict[len(_NOT) :]
    if start != _NOT:
        return verdict
    return start + ", ".join(TITLES.get(name, name) for name in names.split(", "))


def _interval(row: Mapping) -> str:
    if any(row[end] is None or math.isnan(row[end]) for end in ("low", "high")):
        return "none"
    return f"{_number(row['low'])} to {_number(row['high'])}"


def _number(value: float) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:.3f}"
