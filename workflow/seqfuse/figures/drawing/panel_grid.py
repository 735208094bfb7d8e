"""Test predictions of study B joined with the truth, and one small panel per dataset and arm."""

import math
import textwrap
from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names
from seqfuse.statistics.numerals import minus

# Inches; the narrowest one still holds a line of text above the picture.
_WIDTH, _NARROWEST = 7.0, 4.0
# Letters of a title that are no wider than the narrowest panel.
_LETTERS = 18
# Written with blanks at which no line ends.
_EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


def on_test(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Unaltered test predictions of arms and controls with `label` and `value` of the record."""
    rows = pd.concat([frames["predictions"], frames["controls"]], ignore_index=True)
    truth = frames["records"].loc[frames["records"]["split"] == "test"]
    return rows[rows["probe"] == "none"].merge(truth.drop(columns="split"), on=["dataset", "id"])


def rho(rows: pd.DataFrame, one: str, other: str) -> str:
    """Spearman's correlation of two columns in words; with a constant there is none."""
    constant = [column for column in (one, other) if rows[column].nunique() < 2]
    if constant:
        return f"rho is not defined:\n{constant[0]} is constant"
    return minus(f"rho = {rows[[one, other]].corr('spearman').iloc[0, 1]:z.2f}")


def draw(
    frame: pd.DataFrame,
    panel: Callable[[Axes, pd.DataFrame], None],
    columns: int,
    size: float,
    score: Callable[[pd.DataFrame], float] | None = None,
) -> Figure:
    """A grid of panels, datasets one under the other: arms in the order of the catalogue, then
    controls, by their `score` if given the best first. A frame's `n` stands in the titles."""
    groups = [_panels(here, score) for _, here in frame.groupby("dataset")]
    # Datasets with one panel each stand side by side.
    if all(len(panels) == 1 for panels in groups):
        groups = [[panels[0] for panels in groups]]
    lines = [
        panels[start : start + columns]
        for panels in groups
        for start in range(0, len(panels), columns)
    ]
    used = max(map(len, lines))
    figure = Figure(
        figsize=(max(_NARROWEST, _WIDTH * used / columns), size * len(lines)), layout="constrained"
    )
    axes = figure.subplots(len(lines), used, squeeze=False)
    for row, panels in zip(axes, lines, strict=True):
        for axis, points in zip(row, panels, strict=False):
            panel(axis, points)
            title = textwrap.wrap(names.title(points["method"].iloc[0]), _LETTERS)
            head = points["dataset"].iloc[0]
            if "n" in points:
                head += f", n = {points['n'].max():,}".replace(" = ", _EQUALS)
            head = [line.replace(_EQUALS, " = ") for line in textwrap.wrap(head, _LETTERS)]
            axis.set_title("\n".join([*head, *title]), fontsize=7)
        for axis in row[len(panels) :]:
            axis.set_visible(False)
    return figure


def _panels(
    here: pd.DataFrame, score: Callable[[pd.DataFrame], float] | None
) -> list[pd.DataFrame]:
    methods = names.order({name: names.kind(name) for name in here["method"]})
    panels = [here[here["method"] == method] for method in methods]

    def place(panel: pd.DataFrame) -> tuple[bool, float]:
        if names.kind(panel["method"].iloc[0]) != "control":
            return False, 0.0
        value = score(panel)
        return True, math.inf if math.isnan(value) else -value

    return sorted(panels, key=place) if score else panels
