"""How each codon moves a prediction among its synonyms, against how often the set uses it."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import names, panel_grid
from seqfuse.statistics.numerals import minus

_ENDS = {True: ("G or C", names.PALETTE[2], "o"), False: ("A or T", names.PALETTE[4], "^")}
_PLACE = ["dataset", "method", "seed", "id", "label", "position", "codons", "residue", "reference"]


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per codon that has synonyms (and class): its mean effect and its usage.

    An effect is the change of a prediction less the mean change of all synonyms at that position;
    `effect` is the mean over positions, then over sequences and seeds, `error` the standard error
    over sequences.
    """
    effects = effect_at_positions(frames["mutagenesis"])
    keys = ["dataset", "method", "label", "residue", "codon"]
    of_sequence = effects.groupby([*keys, "id"], dropna=False)["effect"].mean()
    groups = of_sequence.groupby(level=list(range(len(keys))), dropna=False)
    of_codons = pd.DataFrame(
        {"effect": groups.mean(), "error": groups.sem(), "sequences": groups.size()}
    )
    of_codons = of_codons.reset_index().merge(frames["usage"], on=["dataset", "codon", "residue"])
    return of_codons.assign(gc3=of_codons["codon"].str[2].isin(["G", "C"]))


def effect_at_positions(mutants: pd.DataFrame) -> pd.DataFrame:
    """One row per position and codon, the codon that stands there among them, with its effect."""
    place = mutants[_PLACE].drop_duplicates()
    unchanged = place.assign(codon=place["reference"], change=0.0)
    every = pd.concat([mutants, unchanged], ignore_index=True)
    mean = every.groupby(_PLACE, dropna=False)["change"].transform("mean")
    return every.assign(effect=every["change"] - mean)


def unit(label: object) -> str:
    """What an effect is measured in: the unit of the set's values, or that of classes."""
    return "unit of the value" if pd.isna(label) else "log probability"


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset (and class): effect over relative adaptiveness, coloured by GC3."""
    frame = frame.assign(dataset=frame["dataset"] + _of_class(frame["label"]))
    figure = panel_grid.draw(frame, _panel, columns=3, size=2.1)
    handles = [
        Line2D([], [], label=f"ends in {text}", marker=marker, linestyle="none", color=colour)
        for text, colour, marker in _ENDS.values()
    ]
    for handle in handles:
        handle.set_markersize(3.5)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _of_class(labels: pd.Series) -> pd.Series:
    return labels.map(lambda label: "" if pd.isna(label) else f", class {label}")


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    axis.axhline(0, color="#666666", linewidth=0.6, linestyle=":")
    for gc3, points in rows.groupby("gc3"):
        axis.errorbar(
            points["adaptiveness"], points["effect"], points["error"], fmt=_ENDS[gc3][2],
            markersize=2.5, linewidth=0.5, color=_ENDS[gc3][1],
        )  # fmt: skip
    gap = rows.groupby("gc3")["effect"].mean().reindex([True, False]).fillna(0)
    text = f"n = {rows['sequences'].max()} sequences\n"
    text += panel_grid.rho(rows, "adaptiveness", "effect")
    text += minus(f"\nGC3 - AT3 = {gap[True] - gap[False]:.2g}")
    axis.text(0.03, 0.98, text, transform=axis.transAxes, va="top", fontsize=6)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.25 * (high - low))
    axis.set(xlabel="relative adaptiveness", ylabel=f"mean effect ({unit(rows['label'].iloc[0])})")
    axis.yaxis.label.set_fontsize(6)
