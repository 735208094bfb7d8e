"""Which codons cross-attention looks at, around start and stop, on every set side by side."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names
from seqfuse.statistics.numerals import minus

_POSITIONS = 15  # codons shown from each end
_MODALITIES = {"dna": "DNA", "rna": "mRNA", "protein": "protein"}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Attention received at the first and the last codons, the mean over sequences and seeds.

    1 is what every codon of every modality gets where attention is even. `low` and `high` are the
    mean and two standard errors over sequences.
    """
    rows = frames["attention"]
    start = rows[rows["position"] < _POSITIONS].assign(end="start")
    back = rows.assign(position=rows["position"] - rows["codons"], end="stop")
    shown = pd.concat([start, back[back["position"] >= -_POSITIONS]])
    keys = ["dataset", "method", "query", "key", "end", "position"]
    of_sequence = shown.groupby([*keys, "id"])["received"].mean()
    groups = of_sequence.groupby(level=list(range(len(keys))))
    mean, error = groups.mean(), groups.sem().fillna(0)
    columns = {"received": mean, "low": mean - 2 * error, "high": mean + 2 * error}
    return pd.DataFrame(columns | {"n": groups.size()}).reset_index()


def draw(frame: pd.DataFrame) -> Figure:
    """One column per dataset: rows are who asks and who is asked, cells are codons."""
    sets = list(frame.groupby(["dataset", "method"]))
    known = set(zip(frame["query"], frame["key"], strict=True))
    pairs = [pair for pair in itertools.product(_MODALITIES, repeat=2) if pair in known]
    lines = -(-len(sets) // 2)
    width = 7.0 if len(sets) > 1 else 4.0
    figure = Figure(figsize=(width, lines * (0.9 + 0.17 * len(pairs))), layout="constrained")
    axes = figure.subplots(lines, min(2, len(sets)), sharey=True, squeeze=False).ravel()
    limit = max(abs(np.log2(frame["received"].clip(lower=1e-3))).quantile(0.98), 0.1)
    for axis, ((dataset, method), rows) in zip(axes, sets, strict=False):
        _panel(axis, rows, pairs, limit)
        axis.set_title(f"{dataset}\n{names.title(method)}, n = {rows['n'].max():,}")
    for axis in axes[len(sets) :]:
        axis.set_visible(False)
    # Beside a colour bar, constrained layout leaves the longest label no room.
    figure.get_layout_engine().set(w_pad=0.1)
    bar = figure.colorbar(axes[0].images[0], ax=list(axes), aspect=25, fraction=0.05)
    bar.set_label("attention received\n(1 = as if all got the same)")
    ticks = [tick for tick in bar.get_ticks() if abs(tick) <= limit]
    bar.set_ticks(ticks, labels=[f"{2**tick:.2f}" for tick in ticks])
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, pairs: list[tuple], limit: float) -> None:
    columns = [("start", n) for n in range(_POSITIONS)]
    columns += [("stop", n) for n in range(-_POSITIONS, 0)]
    grid = rows.pivot_table(index=["query", "key"], columns=["end", "position"], values="received")
    grid = grid.reindex(index=pd.MultiIndex.from_tuples(pairs), columns=columns).to_numpy()
    shown = np.ma.masked_invalid(np.log2(np.clip(grid, 1e-3, None)))
    axis.imshow(shown, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="none")
    axis.set_facecolor("#DDDDDD")
    axis.axvline(_POSITIONS - 0.5, color="black", linewidth=0.8)
    arrow = "\N{RIGHTWARDS ARROW}"
    words = [f"{_MODALITIES[query]} {arrow} {_MODALITIES[key]}" for query, key in pairs]
    axis.set_yticks(range(len(pairs)), words, fontsize=6)
    marks = [0, 5, 10, _POSITIONS + 5, _POSITIONS + 10, 2 * _POSITIONS - 1]
    axis.set_xticks(marks, [minus(str(columns[mark][1])) for mark in marks])
    axis.tick_params(length=0)
    axis.set(xlabel="codon from start | to stop")
