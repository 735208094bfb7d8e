"""Position x codon: what every synonymous codon does to a prediction, around start and stop."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.codons import codon_effects
from seqfuse.figures.drawing import names

_POSITIONS = 12  # codons shown from each end
_ENDS = ("start", "stop")
_KEYS = ["dataset", "method", "label", "end", "position", "residue", "codon"]


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean effect of a codon at the first and the last positions, over sequences and seeds.

    `n` counts the sequences and seeds of a cell; `sequences` and `seeds` are those of the whole
    map. `position` counts codons: 0 is the first, -1 the last before the stop. Of a set with
    classes the one class is kept whose probability synonymous codons move most.
    """
    effects = codon_effects.effect_at_positions(frames["mutagenesis"])
    counts = frames["mutagenesis"].groupby(["dataset", "method"])[["id", "seed"]].nunique()
    counts = counts.set_axis(["sequences", "seeds"], axis=1).reset_index()
    parts = []
    for _, rows in effects.groupby(["dataset", "method"]):
        if rows["label"].notna().any():
            rows = rows[rows["label"] == rows.groupby("label")["effect"].std().idxmax()]
        from_start = rows[rows["position"] < _POSITIONS].assign(end="start")
        back = rows.assign(position=rows["position"] - rows["codons"], end="stop")
        parts += [from_start, back[back["position"] >= -_POSITIONS]]
    groups = pd.concat(parts).groupby(_KEYS, dropna=False)["effect"]
    cells = pd.DataFrame({"effect": groups.mean(), "n": groups.size()}).reset_index()
    return cells.merge(counts, on=["dataset", "method"])


def draw(frame: pd.DataFrame) -> Figure:
    """Two panels per dataset, codons by residue; a cell that no sequence has is grey."""
    sets = list(frame.groupby(["dataset", "method"]))
    codons = frame[["residue", "codon"]].drop_duplicates().sort_values(["residue", "codon"])
    width = max(3.6, min(7.0, 0.8 + 2.2 * len(sets)))
    figure = Figure(figsize=(width, 1.6 + 0.1 * len(codons)), layout="constrained")
    axes = figure.subplots(1, 2 * len(sets), squeeze=False, sharey=True)[0]
    for pair, ((dataset, method), rows) in zip(axes.reshape(-1, 2), sets, strict=True):
        limit = rows["effect"].abs().quantile(0.98)
        for axis, end in zip(pair, _ENDS, strict=True):
            _panel(axis, rows[rows["end"] == end], codons, limit)
        label = rows["label"].iloc[0]
        of_class = "" if pd.isna(label) else f", class {label}"
        count = f"n = {rows['sequences'].iloc[0]} sequences, {rows['seeds'].iloc[0]} seeds"
        pair[0].set_title(f"{dataset}{of_class}\n{names.title(method)}\n{count}")
        bar = figure.colorbar(pair[0].images[0], ax=pair, location="bottom", aspect=30, pad=0.01)
        bar.set_label(f"effect among synonyms\n({codon_effects.unit(label)})")
        bar.ax.locator_params(nbins=3)
    marks = [f"{row.residue} {row.codon}" for row in codons.itertuples()]
    axes[0].set_yticks(range(len(codons)), marks, fontsize=5.5, family="DejaVu Sans Mono")
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, codons: pd.DataFrame, limit: float) -> None:
    first = 0 if rows.empty or rows["end"].iloc[0] == "start" else -_POSITIONS
    grid = rows.pivot_table(index="codon", columns="position", values="effect")
    grid = grid.reindex(index=codons["codon"], columns=range(first, first + _POSITIONS))
    axis.imshow(
        np.ma.masked_invalid(grid.to_numpy()), cmap="RdBu_r", vmin=-limit, vmax=limit,
        aspect="auto", interpolation="none", extent=(first - 0.5, first + _POSITIONS - 0.5,
        len(codons) - 0.5, -0.5),
    )  # fmt: skip
    axis.set_facecolor("#DDDDDD")
    residues = codons["residue"].to_numpy()
    for border in np.flatnonzero(residues[1:] != residues[:-1]):
        axis.axhline(border + 0.5, color="white", linewidth=0.6)
    axis.tick_params(length=0)
    axis.set_xticks([0, 5, 10] if first == 0 else [-10, -5, -1])
    axis.set(xlabel="from start" if first == 0 else "to stop")
