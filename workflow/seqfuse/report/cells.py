"""Cells and tables of the report: what is shown, and the exact number behind it for sorting."""

import base64
import csv
import io
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from seqfuse.report.inputs import data_uri
from seqfuse.statistics.numerals import minus

# A sign for each colour, so that no verdict is told by colour alone.
_SIGNS = {
    "better": ("\N{BLACK UP-POINTING TRIANGLE}", "better"),
    "worse": ("\N{BLACK DOWN-POINTING TRIANGLE}", "worse"),
}
_UNDECIDED = ("\N{MIDDLE DOT}", "")
_ONE_SEED = "one seed: says nothing about another training run"


@dataclass(frozen=True)
class Cell:
    """What a cell shows.

    `value` is the exact number, `ends` its interval, `by_seed` the number of each seed where there
    are several, `note` stands small behind the text, `mark` is a class of style.css, and `name` is
    what files and settings call it: a filter finds it by both.
    """

    text: str
    value: float | None = None
    note: str = ""
    mark: str = ""
    ends: tuple[float, float] | None = None
    name: str = ""
    by_seed: tuple[float, ...] = ()

    @property
    def packed(self) -> str | dict:
        """The cell as script.js reads it: a text alone, or an object with one letter per field."""
        fields = {"t": self.text, "v": self.value, "n": self.note, "m": self.mark}
        fields |= {"e": self.ends, "k": self.name, "s": [float(f"{v:.6g}") for v in self.by_seed]}
        kept = {letter: value for letter, value in fields.items() if value not in (None, "", [])}
        return self.text if set(kept) <= {"t"} else kept


@dataclass
class Grid:
    """A table: its caption, its columns, its rows.

    A row's `kind` tells a control from a method. A `closed` table is folded, and the page's script
    draws it when it is opened: it can have a hundred thousand rows.
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
        """The table as CSV with exact numbers, as a data URI; an interval has two columns more, and
        the training with each seed one, in the order of the settings."""
        columns = [[cells[i] for _, cells in self.rows] for i in range(len(self.columns))]
        wide = [any(cell.ends for cell in column) for column in columns]
        most = [max((len(cell.by_seed) for cell in column), default=0) for column in columns]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        heads = []
        for name, spans, seeds in zip(self.columns, wide, most, strict=True):
            heads += [name, *([f"{name} low", f"{name} high"] if spans else [])]
            heads += [f"{name} training {number}" for number in range(1, seeds + 1)]
        writer.writerow(heads)
        for _, cells in self.rows:
            texts = []
            for cell, spans, seeds in zip(cells, wide, most, strict=True):
                texts.append(cell.text if cell.value is None else repr(cell.value))
                texts += [repr(end) for end in cell.ends or ()] or [""] * 2 if spans else []
                texts += [*map(repr, cell.by_seed), *[""] * (seeds - len(cell.by_seed))]
            writer.writerow(texts)
        return data_uri("text/csv;charset=utf-8", text.getvalue().encode())

    @property
    def packed(self) -> str:
        """The table as the page's script unpacks it: JSON, deflated, in base64."""
        rows = [[kind, *(cell.packed for cell in cells)] for kind, cells in self.rows]
        table = {"columns": self.columns, "rows": rows}
        # A browser reads no NaN.
        text = json.dumps(table, ensure_ascii=False, allow_nan=False)
        return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


@dataclass(frozen=True)
class Unit:
    """The one unit in which the page says times."""

    title: str
    seconds: int

    def of(self, seconds: float) -> str:
        """A time with its unit."""
        value = seconds / self.seconds
        return f"{value:,.{1 if value < 100 else 0}f} {self.title.lower()}"


def unit(seconds: float) -> Unit:
    """Minutes for a run that trained for less than three hours, hours for a longer one."""
    return Unit("Minutes", 60) if seconds < 10_800 else Unit("Hours", 3600)


def named(name: str, title: str) -> Cell:
    """What a method, control or subset is called, findable by its name in files and settings."""
    return Cell(title, name="" if name == title else name)


def score(row: dict) -> Cell:
    """A score with its interval, and that of each seed."""
    cell = Cell(number(row["value"]), row["value"], ends(row, number), ends=_interval(row))
    return replace(cell, by_seed=by_seed(row))


def by_seed(row: dict) -> tuple[float, ...]:
    """The score of each seed, where there are several and all are defined."""
    values = tuple(row.get("by_seed") or ())
    return values if len(values) > 1 and all(map(math.isfinite, values)) else ()


def count(value: float | None) -> Cell:
    """A whole number with thousands set apart."""
    return Cell("") if value is None else Cell(f"{value:,.0f}", value)


def difference(row: dict) -> Cell:
    """A difference of two scores with its interval."""
    value = row["difference"]
    return Cell(signed(value), value, ends(row, signed), ends=_interval(row))


def verdict(row: dict) -> Cell:
    """What a comparison says, marked by it."""
    mark = row["verdict"] if row["verdict"] in ("better", "worse") else ""
    return Cell(row["verdict"], mark=mark)


def seeds(row: dict, score: dict | None = None) -> Cell:
    """How many seeds; behind it the score of each, or a note that there is only one."""
    values = ", ".join(map(number, by_seed(score or {})))
    alone = _ONE_SEED if "against" in row and row["seeds"] == 1 else ""
    return Cell(f"{row['seeds']}", row["seeds"], values or alone)


def against(row: dict | None) -> Cell:
    """A comparison as one cell of a matrix: its sign, the difference, and what it could show."""
    if row is None:
        return Cell("")
    sign, mark = _SIGNS.get(row["verdict"], _UNDECIDED)
    said = [ends(row, signed), row["verdict"]]
    if not math.isnan(row["detectable"]):
        reach = row["detectable"]
        shown = "no difference" if math.isinf(reach) else exact(number, reach).text
        said += [f"detectable: {shown}", row["equivalence"]]
    if row["seeds"] == 1:
        said.append(_ONE_SEED)
    return Cell(f"{sign} {signed(row['difference'])}", row["difference"], "; ".join(said), mark)


def interval(row: dict[str, str], digits: int) -> Cell:
    """A value of a figure's CSV with its interval; empty where this run has none."""
    if not row["value"]:
        return Cell("")
    value = float(row["value"])
    low, high = row.get("low"), row.get("high")
    ends = (float(low), float(high)) if low and high else None
    note = f"[{minus(f'{ends[0]:.{digits}f}')}, {minus(f'{ends[1]:.{digits}f}')}]" if ends else ""
    return Cell(minus(f"{value:,.{digits}f}"), value, note, ends=ends)


def exact(text: Callable[[float], str], value: float) -> Cell:
    """A number as a cell; "none" where it is not finite."""
    return Cell(text(value), value) if math.isfinite(value) else Cell("none")


def ends(row: dict, text: Callable[[float], str]) -> str:
    """The interval of a row in words."""
    return "no interval" if math.isnan(row["low"]) else f"[{text(row['low'])}, {text(row['high'])}]"


def number(value: float, digits: int = 3) -> str:
    """A score in text."""
    return "not defined" if math.isnan(value) else minus(f"{value:z.{digits}f}")


def signed(value: float) -> str:
    """A difference in text, with its sign."""
    return minus(f"{value:+.3f}")


def p_value(value: float) -> str:
    """A p value in text."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _interval(row: dict) -> tuple[float, float] | None:
    return None if math.isnan(row["low"]) else (row["low"], row["high"])
