"""Tables as pictures: rows by name, columns of numbers, each with interval and published value.

A frame has one row per cell: `block` (a table of its own, with this title), `row`, `column`,
`value`, and where there are any `low`, `high`, `published`, `interval_covers_published` and
`verdict`.
"""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import scores
from seqfuse.statistics.numerals import minus

_WIDTH = 7.0
_LINE = 0.125
_NAMES = 1.75
_GREY = "#555555"
_FIELD = "#F3F3F3"
_CONTROL = "#6B6B6B"


def draw(frame: pd.DataFrame, digits: dict[str, int] | None = None, bold: bool = False) -> Figure:
    """One table per block; `digits` after the point by column, 3 by default.

    With `bold`, the highest value of each column is bold, be it a method's or a control's.
    """
    blocks = [block for _, block in frame.groupby("block", sort=False)]
    heights = [_height(block) for block in blocks]
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, block, height in zip(axes, blocks, heights, strict=True):
        _table(axis, block, height, digits or {}, bold)
    return figure


def _lines(block: pd.DataFrame) -> int:
    """Lines of text in a row: the value, its interval, the paper's value."""
    lines = 1 + int("low" in block and block["low"].notna().any())
    return lines + 2 * _published(block)


def _published(block: pd.DataFrame) -> bool:
    return "published" in block and bool(block["published"].notna().any())


def _height(block: pd.DataFrame) -> float:
    longest = max(len(_wrapped(row)) for row in block["row"])
    rows = block["row"].nunique() * (max(_lines(block), longest) + 0.6)
    return (rows + _head(block) + 3.2) * _LINE


def _head(block: pd.DataFrame) -> int:
    return max(len(textwrap.wrap(column, _letters(block))) for column in block["column"])


def _letters(block: pd.DataFrame) -> int:
    """Letters of a header that fit over a column at 6.5 points."""
    return int((_WIDTH - _NAMES) / block["column"].nunique() / 0.062)


def _wrapped(name: str) -> list[str]:
    return textwrap.wrap(name, 30)


def _table(
    axis: Axes, block: pd.DataFrame, height: float, digits: dict[str, int], bold: bool
) -> None:
    """Draw in lines of text from the top: y grows downwards, x is a share of the width."""
    columns = list(dict.fromkeys(block["column"]))
    left = _NAMES / _WIDTH
    width = (1 - left) / len(columns)
    axis.set(xlim=(0, 1), ylim=(height / _LINE, 0))
    axis.axis("off")
    axis.text(0, 0.7, block["block"].iloc[0], fontsize=7.5, fontweight="bold", va="center")
    head = _head(block)
    for place, column in enumerate(columns):
        text = "\n".join(textwrap.wrap(column, _letters(block)))
        x = left + (place + 0.5) * width
        axis.text(x, 1.7 + head / 2, text, fontsize=6.5, ha="center", va="center")
    y = 2.0 + head
    axis.axhline(y, color="black", linewidth=0.8)
    best = set(block.groupby("column")["value"].idxmax()) if bold else set()
    lines = _lines(block)
    step = max(lines, max(len(_wrapped(row)) for row in block["row"])) + 0.6
    for number, (name, cells) in enumerate(block.groupby("row", sort=False)):
        if number % 2 == 0:
            axis.axhspan(y, y + step, color=_FIELD, linewidth=0)
        control = "kind" in cells and cells["kind"].iloc[0] == "control"
        ink = _CONTROL if control else "black"
        axis.text(0.005, y + step / 2, "\n".join(_wrapped(name)), va="center", color=ink)
        for cell in cells.itertuples():
            x = left + (columns.index(cell.column) + 0.5) * width
            for line, (text, look) in enumerate(_cell(cell, digits.get(cell.column, 3))):
                top = y + (step - lines) / 2 + line + 0.5
                look = {"color": ink} | look
                if line == 0 and cell.Index in best:
                    look |= {"fontweight": "bold"}
                axis.text(x, top, text, ha="center", va="center", **look)
        y += step


def _cell(cell, digits: int) -> list[tuple[str, dict]]:
    """The lines of one cell and how each is written."""
    if pd.isna(cell.value):
        return [("", {})]
    lines = [(minus(f"{cell.value:z,.{digits}f}{scores.mark(cell)}"), {})]
    if pd.notna(getattr(cell, "low", None)):
        interval = minus(f"[{cell.low:z.{digits}f}, {cell.high:z.{digits}f}]")
        lines.append((interval, {"fontsize": 5.5, "color": _GREY}))
    if pd.notna(getattr(cell, "published", None)):
        lines.append((f"paper {cell.published:,.{digits}f}", {"fontsize": 5.5}))
        covers = getattr(cell, "interval_covers_published", None)
        if pd.notna(covers):
            said = "in our interval" if covers == "yes" else f"ours {_signed(cell, digits)}"
            lines.append((said, {"fontsize": 5.5}))
    return lines


def _signed(cell, digits: int) -> str:
    return minus(f"{cell.value - cell.published:+.{digits}f}")
