"""Test score against what training took: trained parameters, and examples seen."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from seqfuse.figures.drawing import names, scores
from seqfuse.registry.metrics import MEAN

_COLUMNS = 2
# The natural logarithm of how much larger a mark's right edge is than its left one, and of how far
# the marks of a group may stand apart at most.
_MARK, _APART = 0.13, 0.26


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The scores of study A on whole datasets, with what a seed's training took on average."""
    rows = scores.primary(frames, "language")
    rows = rows[(rows["subset"] == "all") & (rows["dataset"] != MEAN)]
    costs = frames["costs"].groupby(["suite", "method"])[["examples", "tokens", "flops"]].mean()
    return rows.join(costs, on=["suite", "method"])


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset: score over trained parameters; the untrained is a dashed line."""
    sets = frame["dataset"].nunique()
    columns = min(_COLUMNS, sets)
    lines = math.ceil(sets / columns)
    figure = Figure(figsize=(7, 2.2 * lines + 0.4), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    looks = _looks(frame[frame["trained_parameters"] > 0])
    for axis, (_, rows) in zip(axes, frame.groupby("dataset", sort=False), strict=False):
        _panel(axis, rows, looks)
    for axis in axes[sets:]:
        axis.set_visible(False)
    handles = _handles(frame, looks)
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict]) -> None:
    trained, free = rows[rows["trained_parameters"] > 0], rows[rows["trained_parameters"] == 0]
    notes = [f"{names.span(trained['examples'])} examples seen"] if len(trained) else []
    if len(free):
        best = free.loc[free["value"].idxmax()]
        if pd.notna(best["low"]):
            axis.axhspan(best["low"], best["high"], color="#EBEBEB", linewidth=0)
        axis.axhline(best["value"], color=names.CONTROL, linewidth=0.9, linestyle="--")
        notes.append(f"dashed: {best['title']}")
    first = rows.iloc[0]
    axis.set_title(f"{first['dataset']}, n = {first['n']:,}\n{'; '.join(notes)}", fontsize=7)
    axis.set(xlabel="trained parameters", ylabel=names.metric(rows["metric"].iloc[0]), xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda number, _: names.count(number)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.grid(color="#E8E8E8", linewidth=0.5)
    axis.set_axisbelow(True)
    for row, x in zip(
        trained.itertuples(), side_by_side(trained["trained_parameters"]), strict=True
    ):
        look = looks[row.method]
        axis.plot([x] * 2, [row.low, row.high], color=look["color"])
        axis.plot(x, row.value, **look)


def side_by_side(sizes: Iterable[float]) -> np.ndarray:
    """Where marks of these sizes stand on a logarithmic axis: those that would cover each other
    are spread evenly around their middle, over `_APART` or their own span."""
    logs = np.log(np.asarray(list(sizes), dtype=float))
    order = np.argsort(logs, kind="stable")
    places = logs.copy()
    groups = np.split(order, np.flatnonzero(np.diff(logs[order]) > _MARK) + 1)
    for group in groups:
        if len(group) > 1:
            step = max(np.ptp(logs[group]), min(_MARK * (len(group) - 1), _APART))
            step /= len(group) - 1
            steps = np.arange(len(group)) - (len(group) - 1) / 2
            places[group] = logs[group].mean() + step * steps
    return np.exp(places)


def _looks(trained: pd.DataFrame) -> dict[str, dict]:
    """How each trained method is marked; controls are hollow, and differ by shape."""
    kinds = dict(zip(trained["method"], trained["kind"], strict=True))
    controls = [name for name in names.order(kinds) if kinds[name] == "control"]
    looks = {}
    for name, kind in kinds.items():
        look = names.shape(name, kind) | {"color": names.colour(name, kind), "markersize": 4.5}
        if kind == "control":
            look["marker"] = names.MARKERS[controls.index(name) % len(names.MARKERS)]
        looks[name] = look
    return looks


def _handles(frame: pd.DataFrame, looks: dict[str, dict]) -> list[Line2D]:
    trained = frame[frame["trained_parameters"] > 0].drop_duplicates("method")
    return [
        Line2D([], [], label=row.title, linestyle="none", **looks[row.method])
        for row in trained.itertuples()
    ]
