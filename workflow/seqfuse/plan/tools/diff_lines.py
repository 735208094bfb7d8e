"""What `seqfuse diff` prints: settings, what only one run has, and the scores that changed."""

import json
from collections.abc import Iterator
from pathlib import Path

from seqfuse.evaluation.paired_runs import IDENTICAL
from seqfuse.registry.metrics import METRICS
from seqfuse.registry.subsets import subset
from seqfuse.registry.titles import TITLES
from seqfuse.statistics.numerals import minus

_ARROW = "\N{RIGHTWARDS ARROW}"
# Subsets that are printed; --json and --out have every subset.
_SHOWN = ("all", "question_decides", "sequence_decides")


def lines(compared: dict) -> Iterator[str]:
    """What is printed."""
    one, other = compared["one"], compared["other"]
    yield f"{one} {_ARROW} {other}"
    intervals = f"{100 * compared['confidence']:g} % intervals"
    yield f"Differences are second minus first, with {intervals} (Holm)."
    changed = compared["settings"]
    count = f"{len(changed)} key{'s differ' if len(changed) > 1 else ' differs'}"
    yield f"\nSettings: {count if changed else 'the same'}"
    for row in changed:
        yield f"  {row['key']}: {_short(row['one'])} {_ARROW} {_short(row['other'])}"
    for side in ("one", "other"):
        own = [row for row in compared["only"] if row["side"] == side]
        if own:
            yield f"\nOnly in {compared[side]}:"
            yield from (f"  {_owned(row)}" for row in own)
    places: dict[tuple, list[dict]] = {}
    for row in compared["scores"]:
        if row["subset"] in _SHOWN:
            places.setdefault((row["suite"], row["dataset"], row["subset"]), []).append(row)
    if not compared["scores"]:
        yield "\nNo score is in both runs: there is nothing to compare."
    for rows in places.values():
        yield from _place(rows, Path(one).name, Path(other).name)


def _owned(row: dict) -> str:
    title = TITLES.get(row["name"], row["name"]) if row["kind"] == "method" else row["name"]
    of = "" if row["kind"] == "suite" else f"suite {row['suite']}, "
    return f"{of}{row['kind']} {title}"


def _place(rows: list[dict], one: str, other: str) -> Iterator[str]:
    """The scores on one set of rows: one line for each that changed, and one for all others."""
    first = rows[0]
    rows_of_both = f"n = {first['n']:,}" if first["n"] else "no row in common"
    if (
        first["n"]
        and first["subset"] == "all"
        and {first["n_one"], first["n_other"]} != {first["n"]}
    ):
        rows_of_both += f" of {first['n_one']:,} and {first['n_other']:,}"
    dataset = "" if first["suite"] == first["dataset"] else f"{first['dataset']}, "
    yield (
        f"\n{first['suite']}: {dataset}{subset(first['subset'])}, "
        f"{METRICS[first['metric']].title}, {rows_of_both}"
    )
    if one == other:
        one, other = "first", "second"
    cells = [["", one, other, "difference", ""]]
    for row in rows:
        if row["verdict"] != IDENTICAL:
            title = TITLES.get(row["method"], row["method"])
            cells.append([title, *_numbers(row), row["verdict"]])
    if len(cells) > 1:
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            yield f"  {'  '.join(padded)}".rstrip()
    same = [TITLES.get(r["method"], r["method"]) for r in rows if r["verdict"] == IDENTICAL]
    if same:
        named = ", ".join(same) if len(same) < len(rows) else f"all {len(rows)} scores"
        yield f"  identical: {named}"


def _numbers(row: dict) -> tuple[str, str, str]:
    """Both scores and their difference; each unpaired score has an interval of its own."""
    ends = {side: (row[f"low_{side}"], row[f"high_{side}"]) for side in ("one", "other")}
    values = [_number(row[f"value_{side}"]) for side in ends]
    if row["difference"] is None:
        return *(v + _interval(*e) for v, e in zip(values, ends.values(), strict=True)), ""
    gap = _number(row["difference"], "+") + _interval(row["low"], row["high"], "+")
    return *values, gap


def _interval(low: float, high: float, sign: str = "") -> str:
    return "" if low != low else f" [{_number(low, sign)}, {_number(high, sign)}]"


def _number(value: float, sign: str = "") -> str:
    return minus(f"{value:{sign}z.3f}")


def _short(value: object) -> str:
    """A setting in a few letters."""
    text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
