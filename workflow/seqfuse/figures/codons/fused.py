"""The vectors that a fusion makes of test sequences, in one plane, coloured by their target."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names, panel_grid
from seqfuse.figures.language import umap

_NEIGHBOURS = 10


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each test record's place and target, and how well its neighbours tell it.

    `neighbours`: of values, the mean value of the ten nearest vectors (cosine); of classes, the
    share of the ten that are of the record's class.
    """
    parts = []
    for _, rows in frames["fused"].groupby(["dataset", "method"]):
        rows = rows.merge(frames["records"], on=["dataset", "id"]).sort_values("id")
        vectors = np.stack(rows["vector"].to_numpy()).astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        place = umap.plane(vectors)
        rows = rows.assign(x=place[:, 0], y=place[:, 1], neighbours=_neighbours(vectors, rows))
        columns = ["dataset", "method", "seed", "id", "x", "y", "value", "label", "neighbours"]
        parts.append(rows[columns])
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset and fusion."""
    rows = frame.assign(n=frame.groupby(["dataset", "method"])["id"].transform("nunique"))
    return panel_grid.draw(rows, _panel, columns=2, size=3.0)


def _neighbours(vectors: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :_NEIGHBOURS]
    if rows["value"].notna().all():
        return rows["value"].to_numpy()[nearest].mean(axis=1)
    labels = rows["label"].to_numpy()
    return (labels[nearest] == labels[:, None]).mean(axis=1)


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    axis.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    if rows["value"].notna().all():
        points = axis.scatter(rows["x"], rows["y"], s=7, c=rows["value"], cmap="viridis")
        axis.figure.colorbar(points, ax=axis, label="measured value", aspect=25)
        said = "value against its neighbours' mean:\n" + panel_grid.rho(rows, "value", "neighbours")
    else:
        for number, (label, points) in enumerate(rows.groupby("label")):
            look = {"color": names.PALETTE[number % len(names.PALETTE)], "s": 7}
            look["marker"] = names.MARKERS[number % len(names.MARKERS)]
            axis.scatter(points["x"], points["y"], label=label, **look)
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, handletextpad=0.1)
        chance = (rows["label"].value_counts(normalize=True) ** 2).sum()
        said = (
            f"neighbours of the same class: {rows['neighbours'].mean():.0%} (chance {chance:.0%})"
        )
    axis.text(0, -0.12, said, transform=axis.transAxes, va="top", fontsize=6.5)
