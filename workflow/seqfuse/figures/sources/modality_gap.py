"""How far DNA and text lie apart in each layer of the language model."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from seqfuse.figures.drawing import names

_MEASURES = {
    "distance": "centroid distance over spread",
    "separable": "accuracy of a separator",
}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per dataset, method and layer (0: the input): the mean, the least and
    the most over seeds."""
    rows = frames["gaps"].groupby(["dataset", "method", "layer"], sort=False)
    gaps = rows.agg(
        distance=("distance", "mean"),
        distance_low=("distance", "min"),
        distance_high=("distance", "max"),
        separable=("separable", "mean"),
        separable_low=("separable", "min"),
        separable_high=("separable", "max"),
        n=("n", "first"),
        seeds=("seed", "nunique"),
    ).reset_index()
    order = names.order({name: names.kind(name) for name in gaps["method"]})
    gaps = gaps.assign(_method=gaps["method"].map(order.index))
    gaps = gaps.sort_values(["dataset", "_method", "layer"], kind="stable")
    return gaps.drop(columns="_method").reset_index(drop=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One line of two panels per dataset, one line of a panel per method."""
    sets = [rows for _, rows in frame.groupby("dataset", sort=False)]
    figure = Figure(figsize=(7, 2.1 * len(sets) + 0.3), layout="constrained")
    axes = figure.subplots(len(sets), len(_MEASURES), squeeze=False)
    for row, rows in zip(axes, sets, strict=True):
        for axis, (measure, words) in zip(row, _MEASURES.items(), strict=True):
            for method, part in rows.groupby("method", sort=False):
                look = names.shape(method) | {"color": names.colour(method), "markersize": 3.5}
                axis.plot(part["layer"], part[measure], label=names.title(method), **look)
                low, high = part[f"{measure}_low"], part[f"{measure}_high"]
                axis.fill_between(part["layer"], low, high, color=look["color"], alpha=0.15, lw=0)
            axis.set(xlabel="layer (0: what the language model is given)", ylabel=words)
            axis.set_title(rows["dataset"].iloc[0])
            axis.set_xticks(sorted(rows["layer"].unique()))
            if measure == "distance":
                axis.set_yscale("log")
                axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.yaxis.set_major_formatter("{x:g}")
                axis.yaxis.set_minor_formatter(NullFormatter())
            else:
                axis.axhline(0.5, color="#555555", linewidth=0.6, linestyle=":")
                axis.annotate("chance", (0, 0.51), fontsize=6, color="#555555")
                axis.set_ylim(0.3, 1.05)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure
