"""Every single-question task, with its best control: the papers' Fig. 3."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import names, scores
from seqfuse.registry.metrics import MEAN

_TASK = 0.42
_PUBLISHED = {"marker": "d", "markersize": 5, "color": "none", "markeredgecolor": "black"}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of the tasks that are compared by MCC: methods, and each task's best control."""
    rows = scores.primary(frames, "language")
    rows = rows[(rows["metric"] == "mcc") & (rows["subset"] == "all") & (rows["dataset"] != MEAN)]
    is_control = rows["kind"] == "control"
    best = rows[is_control].groupby(["suite", "dataset"])["value"].idxmax()
    kept = sorted([*rows.index[~is_control], *best])
    return scores.with_published(rows.loc[kept])


def draw(frame: pd.DataFrame) -> Figure:
    """One line per task, one dot per method."""
    lines = list(dict.fromkeys(zip(frame["suite"], frame["dataset"], strict=True)))
    shown = frame.loc[frame["kind"] != "control", ["method", "kind"]]
    methods = names.order(dict(shown.itertuples(index=False)))
    figure = Figure(figsize=(7, _TASK * len(lines) + 0.9), layout="constrained")
    axis = figure.subplots()
    sizes = frame.groupby(["suite", "dataset"])["n"].max()
    axis.set_yticks(range(len(lines)), [f"{line[1]}\nn = {sizes[line]:,}" for line in lines])
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.set_xlabel(names.metric("mcc"))
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#E0E0E0", linewidth=0.5)
    axis.axvline(0, color="#999999", linewidth=0.8)
    for place, line in enumerate(lines):
        here = frame[(frame["suite"] == line[0]) & (frame["dataset"] == line[1])]
        if place % 2 == 0:
            axis.axhspan(place - 0.5, place + 0.5, color="#F5F5F5", zorder=0)
        for row in here.itertuples():
            shift = 0 if row.kind == "control" else methods.index(row.method) + 1
            _dot(axis, row, place - 0.36 + 0.72 * shift / len(methods))
    handles = _handles(methods, published=frame["published"].notna().any())
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _dot(axis, row, y: float) -> None:
    colour = names.colour(row.method, row.kind)
    axis.plot([row.low, row.high], [y, y], color=colour, linewidth=1)
    axis.plot(row.value, y, color=colour, markersize=4, **names.shape(row.method, row.kind))
    if row.kind == "control":
        end = row.high if pd.notna(row.high) else row.value
        axis.text(end, y, f" {row.title}", va="center", fontsize=5.5, color=colour)
    if pd.notna(row.published):
        axis.plot(row.published, y, **_PUBLISHED)


def _handles(methods: list[str], published: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=names.colour(m), label=names.title(m), markersize=4, **names.shape(m))
        for m in methods
    ]
    control = names.shape("", "control") | {"color": names.CONTROL, "markersize": 4}
    handles.append(Line2D([], [], label="best control", **control))
    if published:
        handles.append(Line2D([], [], label="published", **_PUBLISHED))
    return handles
