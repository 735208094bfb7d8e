"""Where OneVocab looks around a variant, above where a mutation changes what it says."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names

_PANELS = {
    "attention": "attention,\naverage token = 1",
    "effect": "loss of the answer's\nlog likelihood",
}
_FEWEST = 5


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per dataset, method, quantity and offset: the mean over records and seeds, and the
    quartiles."""
    rows = frames["looks"].melt(
        ["dataset", "method", "id", "seed", "offset"], list(_PANELS), var_name="quantity"
    )
    groups = rows.groupby(["dataset", "method", "quantity", "offset"])
    means = groups["value"].agg(
        value="mean", p25=lambda x: x.quantile(0.25), p75=lambda x: x.quantile(0.75)
    )
    counts = groups.agg(n=("id", "nunique"), seeds=("seed", "nunique"))
    means = means.join(counts)
    # Quartiles of fewer records mean nothing.
    means.loc[means["n"] < _FEWEST, ["p25", "p75"]] = float("nan")
    return means.reset_index()


def draw(frame: pd.DataFrame) -> Figure:
    """Two panels per dataset, attention above mutagenesis, aligned at the variant."""
    groups = list(frame.groupby(["dataset", "method"], sort=False))
    figure = Figure(figsize=(max(3.6, 3.3 * len(groups)), 2.9), layout="constrained")
    axes = figure.subplots(len(_PANELS), len(groups), squeeze=False)
    for column, ((dataset, method), rows) in zip(axes.T, groups, strict=True):
        for axis, (quantity, label) in zip(column, _PANELS.items(), strict=True):
            _panel(axis, rows[rows["quantity"] == quantity], names.colour(method))
            axis.set_ylabel(label)
        column[0].axhline(1, color="#333333", linewidth=0.6, linestyle="--")
        column[0].set_title(f"{dataset}, {names.title(method)}, n = {rows['n'].max():,}")
        column[-1].set_xlabel("nucleotides from the variant")
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, colour: str) -> None:
    axis.axvline(0, color="#E0E0E0", linewidth=3, zorder=0)
    axis.fill_between(rows["offset"], rows["p25"], rows["p75"], color=colour, alpha=0.25, lw=0)
    axis.plot(rows["offset"], rows["value"], color=colour, marker="o", markersize=2.5)
    axis.set_ylim(bottom=min(0, rows[["p25", "value"]].min(axis=None)))
