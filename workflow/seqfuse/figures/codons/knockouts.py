"""What a fusion's score loses without some modalities, beside the weights that it gives them."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import names, panel_grid

_MODALITIES = {"dna": "DNA", "rna": "mRNA", "protein": "protein"}
_LOOKS = {
    "mean": {"marker": "o", "color": "#0072B2"},
    "noise": {"marker": "s", "color": "#D55E00", "markerfacecolor": "white"},
}
_WEIGHT = {"marker": "D", "color": names.CONTROL, "linestyle": "none", "markersize": 3}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every knock-out: the means over seeds, whose seed is empty, then each seed."""
    rows = frames["knockouts"].astype({"seed": "Int64"})
    return rows.sort_values("seed", kind="stable", na_position="first")


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset and fusion: means over seeds, with their intervals."""
    figure = panel_grid.draw(frame[frame["seed"].isna()], _panel, columns=3, size=1.9)
    handles = [
        Line2D([], [], label=f"replaced by {text}", linestyle="none", markersize=4, **_LOOKS[name])
        for name, text in (("mean", "the mean state"), ("noise", "noise"))
    ]
    if frame["weight"].notna().any():
        handles.append(Line2D([], [], label="weight of the modality", **_WEIGHT))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    sets = list(dict.fromkeys(rows["modalities"]))
    axis.axvline(0, color="#666666", linewidth=0.6, linestyle=":")
    for row in rows.itertuples():
        y = sets.index(row.modalities) + (-0.15 if row.replacement == "mean" else 0.15)
        look = _LOOKS[row.replacement]
        axis.plot([row.low, row.high], [y, y], color=look["color"], linewidth=0.9)
        axis.plot(row.lost, y, markersize=3.5, **look)
        if pd.notna(row.weight):
            axis.plot(row.weight, sets.index(row.modalities), **_WEIGHT)
    axis.set_yticks(range(len(sets)), [_words(modalities) for modalities in sets])
    axis.set_ylim(len(sets) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.set(xlabel=f"{names.metric(rows['metric'].iloc[0])} lost", ylabel="replaced")


def _words(modalities: str) -> str:
    return " + ".join(_MODALITIES[name] for name in modalities.split("+"))
