"""What can be read off each place that DNA passes, and what the answer makes of it."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import intervals, names
from seqfuse.registry.metrics import UNALTERED
from seqfuse.statistics import jackknife

TARGETS = {
    "label": "label",
    "gene": "gene",
    "reference_base": "reference base",
    "alternate_base": "alternate base",
    "position": "position",
}
_CONTROLS = {
    "shuffled": "targets shuffled",
    "question_only": "question only",
    "random_weights": "random weights",
}
# The probe of altered DNA that leaves nothing of the record's own.
_OTHER = "other"
_PLACES = ("encoder", "slots", "language model", "answer")
_SHORT = {"encoder": "encoder", "slots": "slots", "answer": "answer"}
# Letters of a method's title that are no longer than a panel is high.
_LETTERS = 16
_KEYS = ["dataset", "method", "target", "place", "layer", "control"]
# The columns that the answer's rows take over from the evaluation's scores.
_OF_SCORES = ("dataset", "method", "value", "low", "high", "n", "seeds")


def table(frames: dict[str, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """One row per target, place and control: the probe's accuracy with its interval, and that of
    the commonest class on the same rows. At the place "answer" stands the method's own accuracy,
    and, under the control "other", what it is with the DNA of another record."""
    rows = intervals.with_clusters(frames["linear_probes"], frames["clusters"])
    probes = [
        dict(zip(_KEYS, keys, strict=True)) | _scored(part, keys, confidence)
        for keys, part in rows.groupby(_KEYS, sort=False)
    ]
    frame = pd.DataFrame([*probes, *_answers(frames["metrics"], rows)])
    kinds = names.kinds(frames["metrics"])
    order = names.order({name: names.kind(name, kinds.get(name)) for name in frame["method"]})
    frame = frame.assign(
        _method=frame["method"].map(order.index),
        _target=frame["target"].map(list(TARGETS).index),
        _place=frame["place"].map(_PLACES.index),
    ).sort_values(["dataset", "_method", "_target", "_place", "layer"], kind="stable")
    columns = [*_KEYS, "value", "low", "high", "majority", "n", "seeds"]
    return frame[columns].reset_index(drop=True)


def _scored(part: pd.DataFrame, keys: tuple, confidence: float) -> dict:
    """The accuracy of one probe: of rows in clusters, and of seeds."""
    hits = part.assign(hit=(part["gold"] == part["predicted"]).astype(float))
    wide = hits.pivot_table("hit", ["id", "cluster"], "seed").dropna()
    by_row = wide.to_numpy().mean(1)

    def score(weights: np.ndarray) -> np.ndarray:
        return weights @ by_row / weights.sum(1)

    cluster = wide.index.get_level_values("cluster").to_numpy()
    of_seeds = wide.to_numpy().mean(0)
    estimate = jackknife.estimate(score, of_seeds, cluster, *map(str, keys[:1]))
    gold = hits.drop_duplicates("id")["gold"]
    majority = gold.value_counts(normalize=True).iloc[0]
    sizes = {"n": len(wide), "seeds": len(of_seeds), "majority": majority}
    return intervals.of(estimate, (0.0, 1.0), confidence) | sizes


def _answers(metrics: pd.DataFrame, rows: pd.DataFrame):
    """What the answers of the probed methods score on the probed rows, with the DNA and without."""
    chosen = (
        (metrics["kind"] == "probe")
        & (metrics["metric"] == "accuracy")
        & (metrics["split"] == "test")
        & (metrics["subset"] == "all")
        & metrics["probe"].isin([UNALTERED, _OTHER])
    )
    probed = {*zip(rows["dataset"], rows["method"], strict=True)}
    place = {"target": "label", "place": "answer", "layer": 0, "majority": np.nan}
    for row in metrics[chosen].to_dict("records"):
        if (row["dataset"], row["method"]) in probed:
            control = "none" if row["probe"] == UNALTERED else _OTHER
            yield place | {"control": control} | {key: row[key] for key in _OF_SCORES}


def draw(frame: pd.DataFrame) -> Figure:
    """One line of panels per dataset and method, one panel per target that is shown."""
    shown = [name for name in TARGETS if name in set(frame["target"])]
    lines = [part for _, part in frame.groupby(["dataset", "method"], sort=False)]
    # A page has room for no more; the table has them all.
    lines = lines[:6]
    figure = Figure(figsize=(7, 1.3 * len(lines) + 0.6), layout="constrained")
    axes = figure.subplots(len(lines), len(shown), sharey=True, squeeze=False)
    for axis, target in zip(axes[0], shown, strict=True):
        axis.set_title(TARGETS[target])
    for row, part in zip(axes, lines, strict=True):
        for axis, target in zip(row, shown, strict=True):
            _panel(axis, part[part["target"] == target])
        first = part.iloc[0]
        title = textwrap.wrap(names.title(first["method"]), _LETTERS)
        row[0].set_ylabel("\n".join([*title, first["dataset"]]), fontsize=6)
    figure.supylabel("accuracy", fontsize=7)
    figure.legend(handles=_handles(), loc="outside lower center", ncols=3, frameon=False)
    return figure


_LOOKS = {
    "none": {"color": names.PALETTE[0], "marker": "o"},
    "shuffled": {"color": "#9A9A9A", "linestyle": ":", "marker": "_"},
    "question_only": {"color": names.PALETTE[1], "linestyle": "--", "marker": "x"},
    "random_weights": {"color": names.PALETTE[2], "linestyle": "-.", "marker": "+"},
}


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    axis.set_ylim(-0.03, 1.03)
    axis.tick_params(axis="x", labelsize=5.5, rotation=60)
    if rows.empty:
        axis.set_xticks([])
        return
    ticks = list(dict.fromkeys(_tick(row) for row in rows.itertuples()))
    axis.set_xticks(range(len(ticks)), ticks)
    axis.grid(axis="y", color="#E0E0E0", linewidth=0.5)
    axis.set_axisbelow(True)
    # Shuffled targets have another commonest class.
    majority = rows.loc[rows["control"] == "none", "majority"].max()
    axis.axhline(majority, color="#555555", linewidth=0.6)
    for control, look in _LOOKS.items():
        part = rows[(rows["control"] == control) & (rows["place"] != "answer")]
        x = [ticks.index(_tick(row)) for row in part.itertuples()]
        axis.plot(x, part["value"], markersize=4, **look)
        if control == "none":
            axis.vlines(x, part["low"], part["high"], color=look["color"], linewidth=1)
    for row in rows[rows["place"] == "answer"].itertuples():
        hollow = {} if row.control == "none" else {"markerfacecolor": "white"}
        x = ticks.index(_tick(row))
        axis.vlines(x, row.low, row.high, color="#333333", linewidth=1)
        axis.plot(x, row.value, marker="D", markersize=4, color="#333333", **hollow)


def _tick(row) -> str:
    return _SHORT.get(row.place) or f"layer {row.layer}"


def _handles() -> list[Line2D]:
    words = {"none": "read by a linear probe", **_CONTROLS}
    handles = [
        Line2D([], [], label=words[name], markersize=4, **look) for name, look in _LOOKS.items()
    ]
    handles.append(Line2D([], [], color="#555555", linewidth=0.6, label="commonest class"))
    own = {"color": "#333333", "marker": "D", "markersize": 4, "linestyle": "none"}
    handles.append(Line2D([], [], label="the answer (hollow: another record's DNA)", **own))
    return handles
