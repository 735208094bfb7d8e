"""Test predictions of the regression sets against the measured values."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names, panel_grid
from seqfuse.statistics.numerals import minus

_COLUMNS = 4
# With more points than this, a panel of the SVG is one image: it would take many megabytes.
_MANY = 50


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per test record and arm: truth and prediction, the mean over seeds; `rho` is the mean
    over seeds of Spearman's, as metrics.parquet has it."""
    rows = panel_grid.on_test(frames).dropna(subset=["value", "predicted_value"])
    keys = ["dataset", "method", "id"]
    means = rows.groupby(keys, as_index=False)[["value", "predicted_value"]].mean()
    names_of_both = {"value": "truth", "predicted_value": "prediction"}
    if rows.empty:
        return means.rename(columns=names_of_both).assign(rho=[])
    by_seed = rows.groupby(["dataset", "method", "seed"])[[*names_of_both]].corr("spearman")
    by_seed = by_seed["predicted_value"].xs("value", level=-1)
    rho = by_seed.groupby(level=["dataset", "method"]).mean().rename("rho").reset_index()
    return means.merge(rho, on=["dataset", "method"]).rename(columns=names_of_both)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset and arm."""
    rows = frame.assign(n=frame.groupby(["dataset", "method"])["id"].transform("nunique"))
    by_rho = {"score": lambda points: points["rho"].iloc[0]}
    return panel_grid.draw(rows, _panel, columns=_COLUMNS, size=1.75, **by_rho)


def _panel(axis: Axes, points: pd.DataFrame) -> None:
    method = points["method"].iloc[0]
    colour = names.colour(method, names.kind(method))
    axis.scatter(
        points["truth"], points["prediction"], s=4, color=colour, alpha=0.5, linewidths=0,
        rasterized=len(points) > _MANY,
    )  # fmt: skip
    ends = [points["truth"].min(), points["truth"].max()]
    axis.plot(ends, ends, color="#333333", linewidth=0.6)
    axis.text(0.03, 0.97, _rho(points), transform=axis.transAxes, va="top", fontsize=6.5)
    axis.set(xlabel="measured", ylabel="predicted")


def _rho(points: pd.DataFrame) -> str:
    rho = points["rho"].iloc[0]
    if pd.isna(rho):
        return "rho is not defined:\none value alone"
    return minus(f"rho = {rho:z.2f}")
