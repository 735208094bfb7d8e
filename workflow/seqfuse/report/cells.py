"""Cells and tables of the report: what is shown, and the exact number behind it for sorting."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from seqfuse.report.inputs import data_uri

_ONE_SEED = "one seed: nothing is known of another training"


@dataclass(frozen=True)
class Cell:
    """What a cell shows; `value` is the exact number, `note` stands small behind the text."""

    text: str
    value: float | None = None
    note: str = ""
    mark: str = ""


@dataclass
class Grid:
    """A table: its caption, its columns, its rows.

    A row's `kind` tells a control from a method. A `closed` table is folded until it is asked for.
    """

    name: str
    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    closed: bool = False

    def add(self, *cells: Cell | str, kind: str = "") -> None:
        """Add a row; plain texts become cells."""
        self.rows.append((kind, [c if isinstance(c, Cell) else Cell(c) for c in cells]))

    @property
    def csv(self) -> str:
        """The table as CSV with exact numbers, as a data URI."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for _, cells in self.rows:
            writer.writerow(
                [c.text if c.value is None else repr(c.value) for c in cells]
            )  # fmt: skip
        return data_uri("text/csv;charset=utf-8", text.getvalue().encode())


def score(row: dict) -> Cell:
    """A score with its interval."""
    return Cell(number(row["value"]), row["value"], ends(row, number))


def count(value: float | None) -> Cell:
    """A whole number with thousands set apart."""
    return Cell("") if value is None else Cell(f"{value:,.0f}", value)


def difference(row: dict) -> Cell:
    """A difference of two scores with its interval."""
    return Cell(signed(row["difference"]), row["difference"], ends(row, signed))


def verdict(row: dict) -> Cell:
    """What a comparison says, marked by it."""
    mark = row["verdict"] if row["verdict"] in ("better", "worse") else ""
    return Cell(row["verdict"], mark=mark)


def seeds(row: dict) -> Cell:
    """The fewest seeds of what a comparison is of, and what one seed says."""
    return Cell(f"{row['seeds']}", row["seeds"], _ONE_SEED if row["seeds"] == 1 else "")


def weight(row: dict) -> str:
    """What a comparison could have shown, in words: the smallest difference that it would have
    found, whether the two are equivalent, and that one training was all there was."""
    said = []
    if not math.isnan(row["detectable"]):
        said = [f"detectable: {exact(number, row['detectable']).text}", row["equivalence"]]
    if row["seeds"] == 1:
        said.append(_ONE_SEED)
    return "; ".join(said)


def interval(row: dict[str, str], digits: int) -> Cell:
    """A value of a figure's CSV with its interval; empty where there is none of ours."""
    if not row["value"]:
        return Cell("")
    value = float(row["value"])
    low, high = row.get("low"), row.get("high")
    note = f"[{float(low):.{digits}f}, {float(high):.{digits}f}]" if low and high else ""
    return Cell(f"{value:,.{digits}f}", value, note)


def exact(text: Callable[[float], str], value: float) -> Cell:
    """A number as a cell; of one that cannot be had, words alone."""
    return Cell(text(value), value) if math.isfinite(value) else Cell("none")


def ends(row: dict, text: Callable[[float], str]) -> str:
    """The interval of a row in words."""
    return "no interval" if math.isnan(row["low"]) else f"[{text(row['low'])}, {text(row['high'])}]"


def number(value: float) -> str:
    """A score in text."""
    return "not defined" if math.isnan(value) else f"{value:z.3f}"


def signed(value: float) -> str:
    """A difference in text, with its sign."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float) -> str:
    """A p value in text."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
