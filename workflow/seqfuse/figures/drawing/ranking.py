"""Dots with intervals, one row per method or control: the form in which every ranking is drawn.

A frame has the columns `block` (panels of one block share their rows), `panel` (its title), `axis`
(its axis title), `row` (the label), `method`, `kind`, the score `value` with `low` and `high`, and
where there are any `trained` (a text, the number of parameters), `published`, `verdict` and
`coverage`, the confidence of the intervals, which the legend names. A control that is `beside` the
others does not count for the field up to the best of them. With `blind`, which says of a
control that it reads no sequence, the field of the controls is two: that of the best of these, and
that of the best other one, both named above the panel.
"""

import math
import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from seqfuse.figures.drawing import names, scores
from seqfuse.registry.subsets import subset
from seqfuse.statistics.numerals import minus

_WIDTH = 7.0
_ROW = 0.175
_FIELD = "#EBEBEB"
_BLIND = "#D2D2D2"
_GREY = "#555555"
_LABEL = 28
_KEYS = 4  # entries of the legend in a line
_DOT = {"marker": "o", "markersize": 4.2, "linewidth": 1.2}


def draw(
    frame: pd.DataFrame,
    columns: int = 3,
    limits: tuple[float, float] | None = None,
    hollow: str = "ablation",
    field: str = "up to the best control",
) -> Figure:
    """Draw a ranking, at most `columns` panels side by side, all within `limits` if given.

    `hollow` is what the legend calls the hollow marks of a colour, those of the kind "ablation",
    and `field` what it calls the grey field.
    """
    blocks = [_best_controls_first(block) for _, block in frame.groupby("block", sort=False)]
    columns = min(columns, max(block["panel"].nunique() for block in blocks))
    lines = [math.ceil(block["panel"].nunique() / columns) for block in blocks]
    # A label of two lines needs half a row more.
    wrapped = 1.5 if frame["row"].str.len().max() > _LABEL else 1.0
    rows = [block["row"].nunique() * _ROW * wrapped for block in blocks]
    heights = [n * (0.68 + r) for n, r in zip(lines, rows, strict=True)]
    handles = _handles(frame, hollow, field)
    foot = 0.08 + 0.17 * math.ceil(len(handles) / _KEYS)
    figure = Figure(figsize=(_WIDTH, sum(heights) + foot), layout="constrained")
    parts = figure.subfigures(len(blocks) + 1, 1, height_ratios=[*heights, foot], squeeze=False)
    for part, block, n in zip(parts[:-1, 0], blocks, lines, strict=True):
        _block(part, block, n, columns, limits)
    keys = {"ncols": min(_KEYS, len(handles)), "frameon": False}
    parts[-1, 0].legend(handles=handles, loc="center", **keys)
    return figure


def _best_controls_first(block: pd.DataFrame) -> pd.DataFrame:
    """A block with its controls behind the methods, by their mean value over its panels."""
    controls = block[block["kind"] == "control"]
    mean = controls.groupby("row")["value"].transform("mean")
    order = (-mean).argsort(kind="stable")
    return pd.concat([block[block["kind"] != "control"], controls.iloc[order]])


def of_scores(frame: pd.DataFrame, block: str | None = None) -> pd.DataFrame:
    """A table of scores as `draw` takes it, with trained parameters.

    Panels of one suite make a block, or all panels do if `block` names it.
    """
    blocks = frame["suite"] if block is None else pd.Series(block, frame.index)
    parameters = frame.groupby([blocks, "method"])["trained_parameters"].agg(names.span)
    trained = [parameters[key] for key in zip(blocks, frame["method"], strict=True)]
    panels = [f"{row.dataset}\n{subset(row.subset)}, n = {row.n:,}" for row in frame.itertuples()]
    axes = [names.metric(metric) for metric in frame["metric"]]
    return frame.assign(block=blocks, panel=panels, axis=axes, row=frame["title"], trained=trained)


def _block(part: SubFigure, block: pd.DataFrame, lines: int, columns: int, limits) -> None:
    axes = part.subplots(lines, columns, sharey=True, squeeze=False)
    rows = block.drop_duplicates("row")
    for axis, (_, panel) in zip(axes.flat, block.groupby("panel", sort=False), strict=False):
        same = block[block["axis"] == panel["axis"].iloc[0]]
        _panel(axis, panel, list(rows["row"]), limits or _limits(same))
    for axis in axes.flat[block["panel"].nunique() :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        _labels(axis, rows)


def _limits(panels: pd.DataFrame) -> tuple[float, float]:
    """Panels of one metric have one scale, wide enough for every interval."""
    # A score of too few clusters has no interval.
    low, high = panels[["low", "value"]].min(axis=None), panels[["high", "value"]].max(axis=None)
    if "published" in panels and panels["published"].notna().any():
        low, high = min(low, panels["published"].min()), max(high, panels["published"].max())
    margin = 0.04 * (high - low) or 0.04
    return low - margin, high + margin


def _panel(axis: Axes, panel: pd.DataFrame, rows: list[str], limits: tuple[float, float]) -> None:
    place = {row: position for position, row in enumerate(rows)}
    axis.set_title(panel["panel"].iloc[0], fontsize=7)
    axis.set_xlabel(panel["axis"].iloc[0])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(limits)
    axis.grid(axis="x", color="#E0E0E0", linewidth=0.5)
    axis.set_axisbelow(True)
    controls = panel[panel["kind"] == "control"]
    if "beside" in panel:
        controls = controls[~controls["beside"].astype(bool)]
    if len(controls):
        axis.axvspan(limits[0], controls["value"].max(), color=_FIELD, linewidth=0, zorder=0)
    if "blind" in panel:
        _bands(axis, controls, limits[0])
    for row in panel.itertuples():
        _dot(axis, row, place[row.row])


def _bands(axis: Axes, controls: pd.DataFrame, start: float) -> None:
    """The field of the controls that read no sequence, and the best of each kind by name."""
    blind = controls["blind"].astype(bool)
    named = []
    for kind, rows in (("without DNA", controls[blind]), ("with DNA", controls[~blind])):
        if rows["value"].notna().any():
            best = rows.loc[rows["value"].idxmax()]
            value = minus(f"{best['value']:z.2f}")
            named.append(f"best {kind}: {best['row']} {value}")
    if blind.any():
        field = axis.axvspan(start, controls.loc[blind, "value"].max(), color=_BLIND, linewidth=0)
        field.set_zorder(0.1)
    axis.set_title("\n".join([axis.get_title(loc="left"), *named]), fontsize=6.5)


def _dot(axis: Axes, row, y: float) -> None:
    colour = names.colour(row.method, row.kind)
    look = _DOT | names.shape(row.method, row.kind)
    axis.plot([row.low, row.high], [y, y], color=colour, linewidth=1.2, solid_capstyle="butt")
    axis.plot(row.value, y, color=colour, **look)
    published = getattr(row, "published", None)
    if pd.notna(published):
        axis.plot(row.published, y, marker="d", markersize=5, color="none", markeredgecolor="black")
    # Beside the panel, where no interval can run under it.
    text = f"({published:.2f})" if pd.notna(published) else "not defined"
    if pd.notna(row.value):
        text = f"{row.value:z.2f}{scores.mark(row)}"
    axis.text(1.02, y, minus(text), transform=axis.get_yaxis_transform(), va="center", fontsize=6.5)


def _labels(axis: Axes, rows: pd.DataFrame) -> None:
    """Names and, in a column of their own, trained parameters, left of the first panel."""
    texts = ["\n".join(textwrap.wrap(row, _LABEL)) for row in rows["row"]]
    if "trained" not in rows:
        axis.set_yticks(range(len(rows)), texts)
        return
    axis.set_yticks(range(len(rows)), rows["trained"], fontsize=6, color=_GREY)
    # Points; a digit of that size is some 3.8 wide, and the column's head is seven letters.
    wide = 5 + 3.8 * max(7, rows["trained"].str.len().max())
    column = {"xycoords": axis.get_yaxis_transform(), "textcoords": "offset points"}
    column |= {"ha": "right", "annotation_clip": False}
    for y, text in enumerate(texts):
        axis.annotate(text, (0, y), xytext=(-wide, 0), va="center", **column)
    axis.annotate("trained", (0, -1), xytext=(-3.5, 0), fontsize=6, color=_GREY, **column)


def _handles(frame: pd.DataFrame, hollow: str, field: str) -> list:
    """The entries of the legend."""
    interval = (
        f"{100 * frame['coverage'].iloc[0]:g} % interval" if "coverage" in frame else "interval"
    )
    handles = [Line2D([], [], color="#333333", label=f"method, with {interval}", **_DOT)]
    if (frame["kind"] == "ablation").any():
        handles.append(
            Line2D([], [], color="#333333", markerfacecolor="white", label=hollow, **_DOT)
        )
    handles += [
        Line2D([], [], color=names.CONTROL, markerfacecolor="white", label="control", **_DOT),
    ]
    if "blind" in frame:
        handles.append(Patch(color=_BLIND, label="up to the best control without DNA"))
        handles.append(Patch(color=_FIELD, label="up to the best control with DNA"))
    else:
        handles.append(Patch(color=_FIELD, label=field))
    if "published" in frame and frame["published"].notna().any():
        handles.append(
            Line2D([], [], color="none", marker="d", markeredgecolor="black", label="published")
        )
    if any(map(scores.mark, frame.itertuples())):
        handles.append(Line2D([], [], color="none", label=scores.MARKED))
    return handles
