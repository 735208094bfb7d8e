"""Which class was taken for which, on the classification sets of study B."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import panel_grid

_COLUMNS = 4
_INVALID = "no class"


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How often a true class was predicted as each class, the mean over seeds; zeros included."""
    rows = panel_grid.on_test(frames).dropna(subset="label")
    parts = []
    for (dataset, method), part in rows.groupby(["dataset", "method"]):
        counts = pd.crosstab(part["label"], part["predicted"].fillna(_INVALID))
        counts = counts / part["seed"].nunique()
        classes = sorted(set(rows.loc[rows["dataset"] == dataset, "label"]))
        columns = classes + sorted(set(counts.columns) - set(classes))
        counts = counts.reindex(index=classes, columns=columns, fill_value=0)
        long = counts.stack().rename("count").reset_index()
        long.columns = ["true", "predicted", "count"]
        parts.append(long.assign(dataset=dataset, method=method))
    columns = ["dataset", "method", "true", "predicted", "count"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def draw(frame: pd.DataFrame) -> Figure:
    """One matrix per dataset and arm."""
    rows = frame.groupby(["dataset", "method"])["count"].transform("sum").round().astype(int)
    return panel_grid.draw(frame.assign(n=rows), _panel, columns=_COLUMNS, size=1.75, score=_right)


def _right(frame: pd.DataFrame) -> float:
    return frame.loc[frame["true"].astype(str) == frame["predicted"].astype(str), "count"].sum()


def _panel(axis: Axes, frame: pd.DataFrame) -> None:
    true = list(dict.fromkeys(frame["true"].astype(str)))
    predicted = list(dict.fromkeys(frame["predicted"].astype(str)))
    counts = frame["count"].to_numpy().reshape(len(true), len(predicted))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            shade = "white" if shares[y, x] > 0.55 else "black"
            axis.text(x, y, f"{count:.3g}", ha="center", va="center", fontsize=6, color=shade)
    axis.set_xticks(range(len(predicted)), predicted)
    axis.set_yticks(range(len(true)), true)
    axis.tick_params(length=0)
    axis.set(xlabel="predicted", ylabel="true")
