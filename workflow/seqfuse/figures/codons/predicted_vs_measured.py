"""Test predictions of the regression sets against the measured values."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names, panel_grid

_COLUMNS = 4
# From here on an SVG holds the points of a panel as one image, or it would be of many megabytes.
_MANY = 1000


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a test record and arm: truth and prediction, the mean over seeds."""
    rows = panel_grid.on_test(frames).dropna(subset=["value", "predicted_value"])
    keys = ["dataset", "method", "id"]
    means = rows.groupby(keys, as_index=False)[["value", "predicted_value"]].mean()
    return means.rename(columns={"value": "truth", "predicted_value": "prediction"})


def draw(frame: pd.DataFrame) -> Figure:
    """One panel a dataset and arm."""
    return panel_grid.draw(frame, _panel, columns=_COLUMNS, size=1.75)


def _panel(axis: Axes, points: pd.DataFrame) -> None:
    method = points["method"].iloc[0]
    colour = names.colour(method, names.kind(method))
    axis.scatter(
        points["truth"], points["prediction"], s=4, color=colour, alpha=0.5, linewidths=0,
        rasterized=len(points) > _MANY,
    )  # fmt: skip
    ends = [points["truth"].min(), points["truth"].max()]
    axis.plot(ends, ends, color="#333333", linewidth=0.6)
    said = panel_grid.rho(points, "truth", "prediction")
    axis.text(0.03, 0.97, said, transform=axis.transAxes, va="top", fontsize=6.5)
    axis.set(xlabel="measured", ylabel="predicted")
