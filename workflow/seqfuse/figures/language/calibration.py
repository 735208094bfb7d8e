"""Reliability diagrams: how often the likeliest label is right, against its share of likelihood."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import names

_COLUMNS = 3
# Bins of fewer answers stand in the CSV alone: their share jumps by a fifth an answer.
_FEWEST = 5
# Square points of a dot: that of the fullest bin of a panel.
_LARGEST = 36
# The trained controls, which share a colour, and their marks.
_CONTROLS = {"text_only": "o", "dna_only": "s"}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per method, dataset and bin of the test split, with the expected calibration error.

    `n` counts the answers of a bin, over all seeds; `test_rows` the rows that they are about.
    """
    rows, metrics = frames["calibration"], frames["metrics"]
    shown = (rows["kind"] == "method") | rows["method"].isin(list(_CONTROLS))
    rows = rows[(rows["split"] == "test") & (rows["subset"] == "all") & shown]
    keys = ["suite", "dataset", "split", "subset", "method"]
    metrics = metrics[metrics["probe"] == "none"]
    errors = metrics.loc[metrics["metric"] == "ece", [*keys, "value", "low", "high"]]
    errors.columns = [*keys, "ece", "ece_low", "ece_high"]
    rows = rows.merge(errors, on=keys, how="left")
    rows = rows.join(metrics.groupby(keys)["n"].max().rename("test_rows"), on=keys)
    places = names.order(dict(zip(rows["method"], rows["kind"], strict=True)))
    rows = rows.assign(_method=rows["method"].map(places.index))
    return rows.sort_values(["suite", "dataset", "_method", "low"]).drop(
        columns=["study", "_method"]
    )


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset; the larger a dot, the more answers it stands for."""
    groups = list(frame.groupby(["suite", "dataset"], sort=False))
    columns = min(_COLUMNS, len(groups))
    lines = math.ceil(len(groups) / columns)
    width = max(4.0, 7 * columns / _COLUMNS)
    figure = Figure(figsize=(width, 2.4 * lines + 0.5), layout="constrained")
    figure.get_layout_engine().set(hspace=0.06)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis, ((_, dataset), rows) in zip(axes.flat, groups, strict=False):
        _panel(axis, rows)
        axis.set_title(f"{dataset}, n = {rows['test_rows'].max():,.0f}")
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    shown = frame.drop_duplicates("method")
    handles = [
        Line2D([], [], label=names.title(row.method), **_look(row), markersize=4)
        for row in shown.itertuples()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    axis.plot([0, 1], [0, 1], color="#333333", linewidth=0.6, linestyle="--")
    axis.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), aspect="equal")
    axis.set(xlabel="how sure the model is", ylabel="how often it is right")
    axis.grid(color="#E8E8E8", linewidth=0.5)
    axis.set_axisbelow(True)
    for _, line in rows[rows["n"] >= _FEWEST].groupby("method", sort=False):
        look = _look(next(line.itertuples()))
        axis.plot(line["confidence"], line["accuracy"], linewidth=0.8, color=look["color"])
        sizes = _LARGEST * line["n"] / rows["n"].max() + 3
        face = look.get("markerfacecolor", look["color"])
        axis.scatter(
            line["confidence"], line["accuracy"], sizes, marker=look["marker"], facecolor=face,
            edgecolor=look["color"], linewidth=0.8, zorder=3,
        )  # fmt: skip


def _look(row) -> dict:
    look = names.shape(row.method, row.kind) | {"color": names.colour(row.method, row.kind)}
    return look | ({"marker": _CONTROLS[row.method]} if row.method in _CONTROLS else {})
