"""From a figure's frame to files: CSV, Markdown, SVG and PNG, the same bytes for the same frame."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture

from seqfuse.errors import UserError
from seqfuse.figures.drawing import slim_svg
from seqfuse.files import atomic

# Sizes in points at the printed width: 3.5 in for one column, 7 in for two.
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "lines.linewidth": 1.2,
    "svg.hashsalt": "seqfuse",
    # Letters stay letters: they can be searched, copied and edited, and take a third of the space.
    "svg.fonttype": "none",
}
_DPI = 200
_MARKDOWN_ROWS = 200
# From the corners x0, y0, x1, y1 of a box to x0, y0, width, height.
_SIZE = np.array([[1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]])


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame with numbers to six significant digits."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def read_csv(path: Path) -> pd.DataFrame:
    """Read a figure's CSV; empty fields are missing, and no word is taken for a missing value."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None


def write_markdown(title: str, caption: str, frame: pd.DataFrame, note: str, path: Path) -> None:
    """Write a frame as a Markdown table under its title and caption; the CSV has every row."""
    lines = [f"# {title}", "", caption, ""]
    lines += [f"**{note}**", ""] if note else []
    if frame.empty:
        lines += ["Nothing to show in this run."]
    else:
        head = frame.head(_MARKDOWN_ROWS)
        lines += [_row(head.columns), _row("---" for _ in head.columns)]
        lines += [_row(map(_cell, row)) for row in head.itertuples(index=False)]
    if len(frame) > _MARKDOWN_ROWS:
        lines += ["", f"The first {_MARKDOWN_ROWS} of {len(frame):,} rows; the CSV holds all."]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_pictures(
    draw: Callable[[pd.DataFrame], Picture], frame: pd.DataFrame, note: str, prefix: Path
) -> None:
    """Draw a frame to PREFIX.svg and PREFIX.png, with `note` above the picture."""
    with mpl.rc_context(STYLE):
        picture = blank() if frame.empty else draw(frame)
        if note:
            picture.suptitle(
                note, x=0.01, ha="left", fontsize=7, fontweight="bold", color="#8A1C00"
            )
        FigureCanvasAgg(picture)
        _settle(picture)
        for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            with atomic(prefix.with_name(f"{prefix.name}.{kind}")) as temporary:
                picture.savefig(temporary, format=kind, dpi=_DPI, metadata=metadata)
                if kind == "svg":
                    svg = temporary.read_text(encoding="utf-8")
                    temporary.write_text(slim_svg.slim(svg), encoding="utf-8")


def _settle(picture: Picture) -> None:
    """Fix the layout to a millionth of the picture.

    The last bits of its solver depend on where things lie in memory, and SVG names clip paths after
    them.
    """
    picture.draw_without_rendering()
    picture.set_layout_engine("none")
    for axes in picture.axes:
        axes.set_position(axes.get_position().get_points().round(6).ravel() @ _SIZE)


def blank() -> Picture:
    """The picture of a table without rows."""
    picture = Picture(figsize=(3.5, 0.6))
    picture.text(0.5, 0.5, "Nothing to show in this run.", ha="center", va="center")
    return picture


def _row(cells) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if pd.isna(value):
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
