"""Losses over training steps, one line a method and seed: how training curves are drawn."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from seqfuse.figures import names

_WIDTHS = {"training": 0.6, "validation": 1.4}


def losses(logs: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """One row a suite, method, seed, step and part ("training" | "validation") with its loss.

    A log's rows do not say whose they are; the cost.json in the same folder does.
    """
    owners = costs.drop_duplicates("folder")[["folder", "suite", "method"]]
    parts = []
    for column, part in (("loss", "training"), ("validation_loss", "validation")):
        if column in logs:
            rows = logs.loc[logs[column].notna(), ["folder", "seed", "step", column]]
            parts.append(rows.rename(columns={column: "loss"}).assign(part=part))
    rows = pd.concat(parts).merge(owners, on="folder").drop(columns="folder")
    keys = ["suite", "method", "seed", "part", "step"]
    return rows.sort_values(keys, kind="stable")[[*keys, "loss"]]


def draw(frame: pd.DataFrame, columns: int = 2) -> Figure:
    """One panel a suite, on a logarithmic scale; training thin, validation thick."""
    suites = frame["suite"].nunique()
    rows = math.ceil(suites / columns)
    figure = Figure(figsize=(7, 2.4 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (suite, part) in zip(axes, frame.groupby("suite"), strict=False):
        _panel(axis, part)
        axis.set_title(suite)
    for axis in axes[suites:]:
        axis.set_visible(False)
    methods = names.order({name: names.kind(name) for name in frame["method"]})
    handles = [
        Line2D([], [], color=names.colour(m, names.kind(m)), label=names.title(m)) for m in methods
    ]
    for part, width in _WIDTHS.items():
        handles.append(Line2D([], [], color="#333333", linewidth=width, label=part))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _panel(axis: Axes, frame: pd.DataFrame) -> None:
    for (method, _, part), line in frame.groupby(["method", "seed", "part"]):
        colour = names.colour(method, names.kind(method))
        axis.plot(line["step"], line["loss"], color=colour, linewidth=_WIDTHS[part])
    axis.set(xlabel="step", ylabel="loss", yscale="log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())
