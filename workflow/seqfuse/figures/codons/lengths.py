"""Test score of every arm against the length of the sequence."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import intervals, names, panel_grid
from seqfuse.statistics import jackknife
from seqfuse.statistics.correlation import Ranking, weighted_spearman

_BINS = 4
_COLUMNS = 2
_FEWEST = 20  # rows of a bin; with fewer, a score says little


def table(frames: dict[str, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """Score of every arm in the quarters of the test lengths (nt), the mean over seeds.

    Sets of one length have no row.
    """
    rows = intervals.with_clusters(panel_grid.on_test(frames), frames["clusters"])
    parts = []
    for dataset, here in rows.groupby("dataset"):
        lengths = here.drop_duplicates("id").set_index("id")["length"]
        bins = pd.qcut(lengths, _BINS, duplicates="drop") if lengths.nunique() > 1 else None
        if bins is None or bins.cat.categories.size < 2:
            continue
        here = here.assign(bin=here["id"].map(bins).astype(bins.dtype))
        for (method, _), part in here.groupby(["method", "bin"], observed=True):
            count = part["id"].nunique()
            if count < _FEWEST:
                continue
            place = {"dataset": dataset, "method": method, "n": count}
            place |= {"shortest": part["length"].min(), "longest": part["length"].max()}
            parts.append(place | _score(part.sort_values(["seed", "id"]), confidence))
    columns = ["dataset", "method", "metric", "shortest", "longest", "value", "low", "high", "n"]
    return pd.DataFrame(parts, columns=columns)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset, all arms in each quarter; controls are left to the table."""
    kinds = {name: names.kind(name) for name in frame["method"]}
    arms = [name for name in names.order(kinds) if kinds[name] != "control"]
    sets = list(frame[frame["method"].isin(arms)].groupby("dataset"))
    lines = -(-len(sets) // _COLUMNS)
    figure = Figure(figsize=(7, 2.3 * lines + 0.5), layout="constrained")
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axis, (dataset, rows) in zip(axes, sets, strict=False):
        _panel(axis, rows, arms)
        axis.set_title(dataset)
    for axis in axes[len(sets) :]:
        axis.set_visible(False)
    handles = [
        Line2D([], [], label=names.title(arm), linestyle="none", **_look(arm)) for arm in arms
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _look(arm: str) -> dict:
    shape = names.shape(arm, names.kind(arm))
    return shape | {"color": names.colour(arm), "markersize": 3.5}


def _score(rows: pd.DataFrame, confidence: float) -> dict:
    """The score of one arm, whose rows are in the order of seeds and, of each, of records."""
    by_seed = [part for _, part in rows.groupby("seed")]
    first = by_seed[0]
    if rows["value"].notna().all():
        metric, ends = "spearman", (-1.0, 1.0)
        truth = Ranking(first["value"].to_numpy())
        said = [Ranking(part["predicted_value"].to_numpy()) for part in by_seed]

        def scores(weights: np.ndarray) -> np.ndarray:
            ranks = truth.centred(weights)
            return np.stack(
                [weighted_spearman(ranks, one.centred(weights), weights) for one in said]
            )
    else:
        metric, ends = "accuracy", (0.0, 1.0)
        hits = np.stack([(part["predicted"] == part["label"]).to_numpy(float) for part in by_seed])

        def scores(weights: np.ndarray) -> np.ndarray:
            return hits @ weights.T / weights.sum(1)

    estimate = jackknife.estimate(
        lambda weights: scores(weights).mean(0),
        scores(np.ones((1, len(first))))[:, 0],
        first["cluster"].to_numpy(),
        first["dataset"].iloc[0],
    )
    return {"metric": metric} | intervals.of(estimate, ends, confidence)


def _panel(axis: Axes, rows: pd.DataFrame, arms: list[str]) -> None:
    bins = rows[["shortest", "longest", "n"]].drop_duplicates().sort_values("shortest")
    starts = bins["shortest"].tolist()
    for row in rows.itertuples():
        step = 0.7 / len(arms)
        x = starts.index(row.shortest) + step * (arms.index(row.method) - (len(arms) - 1) / 2)
        look = _look(row.method)
        axis.plot([x, x], [row.low, row.high], color=look["color"], linewidth=0.8)
        axis.plot(x, row.value, **look)
    marks = [
        f"{bin.shortest:.0f}\N{EN DASH}{bin.longest:.0f}\nn = {bin.n:,}"
        for bin in bins.itertuples()
    ]
    axis.set_xticks(range(len(bins)), marks)
    axis.tick_params(axis="x", length=0)
    axis.set(xlabel="length (nt)", ylabel=names.metric(rows["metric"].iloc[0]))
