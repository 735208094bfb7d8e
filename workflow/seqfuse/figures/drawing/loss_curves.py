"""Losses over training steps, one line per method, the mean over seeds: how curves are drawn."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from seqfuse.errors import UserError
from seqfuse.figures.drawing import names

_POINTS = 100
# Controls are grey, and differ by their dashes.
_DASHES = ((0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
_WIDTHS = {"training": 0.6, "validation": 1.4}


def losses(logs: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """One row per suite, method, seed, step and part ("training" | "validation") with its loss.

    A log's rows do not say whose they are; the cost.json in the same folder does. The training loss
    of a long log is averaged over `_POINTS` stretches of equally many rows.
    """
    owners = costs.drop_duplicates("folder")[["folder", "suite", "method", "kind"]]
    owners = owners.assign(kind=[names.kind(row.method, row.kind) for row in owners.itertuples()])
    parts = []
    for column, part in (("loss", "training"), ("validation_loss", "validation")):
        if column in logs:
            rows = logs.loc[logs[column].notna(), ["folder", "seed", "step", column]]
            parts.append(rows.rename(columns={column: "loss"}).assign(part=part))
    unknown = sorted(set(logs["folder"]) - set(owners["folder"]))
    if unknown:
        raise UserError(f"{unknown[0]}/log.jsonl: no cost.json beside it; give it by --costs")
    rows = pd.concat(parts).merge(owners, on="folder").drop(columns="folder")
    keys = ["suite", "method", "kind", "seed", "part", "step"]
    rows = rows.sort_values(keys, kind="stable")[[*keys, "loss"]]
    return pd.concat([_averaged(line) for _, line in rows.groupby(keys[:-1], sort=False)])


def _averaged(line: pd.DataFrame) -> pd.DataFrame:
    """A line of at most `_POINTS` points: mean loss of each stretch, at its last step."""
    if line["part"].iloc[0] == "validation" or len(line) <= _POINTS:
        return line
    stretch = np.arange(len(line)) * _POINTS // len(line)
    ends = line.groupby(stretch).last()
    return ends.assign(loss=line.groupby(stretch)["loss"].mean())


def draw(frame: pd.DataFrame, columns: int = 2) -> Figure:
    """One panel per suite, on a logarithmic scale; training thin, validation thick."""
    kinds = dict(zip(frame["method"], frame["kind"], strict=True))
    methods = names.order(kinds)
    looks = _looks(methods, kinds)
    suites = frame["suite"].nunique()
    columns = min(columns, suites)
    rows = math.ceil(suites / columns)
    figure = Figure(figsize=(7, 2.4 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (suite, part) in zip(axes, frame.groupby("suite"), strict=False):
        _panel(axis, part, looks)
        axis.set_title(suite)
    for axis in axes[suites:]:
        axis.set_visible(False)
    handles = [
        Line2D([], [], label=names.title(method), **looks[method], **_marks(method, kinds[method]))
        for method in methods
    ]
    for part, width in _WIDTHS.items():
        handles.append(Line2D([], [], color="#333333", linewidth=width, label=part))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _looks(methods: list[str], kinds: Mapping[str, str]) -> dict[str, dict]:
    controls = [name for name in methods if kinds[name] == "control"]
    return {
        name: {
            "color": names.colour(name, kinds[name]),
            "linestyle": _DASHES[controls.index(name) % len(_DASHES)] if name in controls else "-",
        }
        for name in methods
    }


def _marks(method: str, kind: str) -> dict:
    """The marker on a method's validation losses: lines do not differ by colour alone."""
    return {} if kind == "control" else names.shape(method, kind) | {"markersize": 3}


def _panel(axis: Axes, frame: pd.DataFrame, looks: dict[str, dict]) -> None:
    for (method, kind, part), rows in frame.groupby(["method", "kind", "part"]):
        line, marks = rows.groupby("step")["loss"].mean(), {}
        if part == "validation":
            marks = _marks(method, kind) | {"markevery": max(1, len(line) // 4)}
        axis.plot(line.index, line, linewidth=_WIDTHS[part], **looks[method], **marks)
    axis.set(xlabel="step", ylabel="loss", yscale="log")
    # Over several powers of ten, four labels of each would stand on one another.
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5) if high < 30 * low else (1, 3)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())
