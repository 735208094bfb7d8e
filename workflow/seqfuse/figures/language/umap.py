"""DNA and text in one plane, before the decoder, and how far the two mix: the papers' Fig. 6."""

import math
import warnings

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import names
from seqfuse.statistics import separation

_SEED = 0
_NEIGHBOURS = 10
_PLANE_NEIGHBOURS = 15
_COLUMNS = 2
_LOOKS = {
    "dna": {"marker": "o", "color": names.PALETTE[0]},
    "text": {"marker": "^", "color": names.PALETTE[1], "markerfacecolor": "none"},
}
_KINDS = {"dna": "DNA", "text": "its description, or question and reasoning"}
# The folder of SeqCLIP's pre-training, which is no suite.
_PRETRAINING = "pretrain"


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each vector's place in the plane of its suite and method, and measures of mixing.

    All are taken in the space of the vectors, by cosine. `other_kind`: share of the ten nearest
    vectors that are of the other kind; `chance` is what it is expected to be where kinds do not
    matter. `partner_rank`: where the vector's own partner stands among all of the other kind, 1 =
    nearest. Of the whole space, `gap` is the distance of the two centroids over the spread around
    them, and `separable` the accuracy with which a linear separator tells the kinds apart, each
    pair by what was fitted without it; both by the vectors as they are, without their lengths.
    """
    parts = [
        _measured(rows).assign(suite=suite, method=method)
        for (suite, method), rows in frames["vectors"].groupby(["suite", "method"])
    ]
    columns = ["suite", "method", "id", "kind", "group", "x", "y", "other_kind", "chance"]
    columns += ["partner_rank", "gap", "separable"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per suite and method, in the catalogue's order; the pre-training comes first."""
    order = names.order({name: names.kind(name) for name in frame["method"]})
    suites = sorted(frame["suite"].unique(), key=lambda name: (name != _PRETRAINING, name))
    panels = [
        rows
        for suite in suites
        for name in order
        if len(rows := frame[(frame["suite"] == suite) & (frame["method"] == name)])
    ]
    columns = min(_COLUMNS, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(3.5 * columns, 2.7 * lines + 0.3), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, rows in zip(axes, panels, strict=False):
        _panel(axis, rows)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    handles = [
        Line2D([], [], linestyle="none", markersize=4, label=_KINDS[kind], **look)
        for kind, look in _LOOKS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    """One point a vector of one space."""
    for kind, points in rows.groupby("kind"):
        look = _LOOKS[kind] | {"linestyle": "none", "markersize": 3.5, "markeredgewidth": 0.8}
        axis.plot(points["x"], points["y"], **look)
    axis.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    suite, title = rows["suite"].iloc[0], names.title(rows["method"].iloc[0])
    where = f"{title}, pre-training" if suite == _PRETRAINING else f"{title}, {suite}"
    axis.set_title(f"{where}\n{_mixing(rows)}\n{_nearest(rows)}\n{_apart(rows)}", fontsize=6.5)


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    """The vectors of one space with their places and measures instead of their numbers."""
    rows = rows.sort_values(["id", "kind"], ignore_index=True)
    vectors = np.stack(rows["vector"].to_numpy()).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    place = plane(vectors)
    dna, text = (vectors[_paired(rows, kind)] for kind in _KINDS)
    return rows.drop(columns="vector").assign(
        x=place[:, 0],
        y=place[:, 1],
        other_kind=_other_kind(vectors, rows["kind"].to_numpy()),
        chance=_chance(rows["kind"]),
        partner_rank=_partner_rank(vectors, rows),
        gap=separation.gap(dna, text),
        separable=separation.separable(dna, text),
    )


def _paired(rows: pd.DataFrame, kind: str) -> np.ndarray:
    """The rows of a kind whose record has the other, too, in the order of records."""
    both = rows.groupby("id")["kind"].transform("nunique") == len(_KINDS)
    return np.flatnonzero(both & (rows["kind"] == kind))


def plane(vectors: np.ndarray) -> np.ndarray:
    """The UMAP of vectors [n, D] by cosine distance, [n, 2]; the same for the same vectors.

    The exact neighbours are handed over, so that the package compiles nothing to find them, which
    takes it longer than all the rest.
    """
    import umap

    wanted = min(_PLANE_NEIGHBOURS, len(vectors) - 1)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = (1 - vectors @ vectors.T).clip(min=0).astype(np.float32)
    np.fill_diagonal(distances, -1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :wanted]
    np.fill_diagonal(distances, 0)
    neighbours = nearest, np.take_along_axis(distances, nearest, axis=1)
    with warnings.catch_warnings():
        # New points could not be placed; there are none.
        warnings.filterwarnings("ignore", message=".*transforming new data.*")
        reducer = umap.UMAP(
            metric="cosine", n_neighbors=wanted, random_state=_SEED, n_jobs=1,
            precomputed_knn=neighbours, force_approximation_algorithm=True,
        )  # fmt: skip
        return reducer.fit_transform(vectors.astype(np.float32))


def _other_kind(vectors: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :_NEIGHBOURS]
    return (kinds[nearest] != kinds[:, None]).mean(axis=1)


def _chance(kinds: pd.Series) -> list[float]:
    sizes = kinds.value_counts()
    return [(len(kinds) - sizes[kind]) / (len(kinds) - 1) for kind in kinds]


def _partner_rank(vectors: np.ndarray, rows: pd.DataFrame) -> list[int | None]:
    """1 + how many of the other kind are nearer than the vector of the same id."""
    ranks = []
    for number, (identity, kind) in enumerate(zip(rows["id"], rows["kind"], strict=True)):
        others = np.flatnonzero(rows["kind"] != kind)
        similar = vectors[others] @ vectors[number]
        own = similar[(rows["id"].to_numpy()[others] == identity)]
        ranks.append(int((similar > own[0]).sum()) + 1 if len(own) else None)
    return ranks


def _mixing(frame: pd.DataFrame) -> str:
    return (
        f"neighbours of the other kind: {frame['other_kind'].mean():.0%}"
        f" (if kinds did not matter: {frame['chance'].mean():.0%})"
    )


def _apart(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    return (
        f"centroids {first['gap']:.1f} spreads apart; a linear separator is right in"
        f" {first['separable']:.0%}"
    )


def _nearest(frame: pd.DataFrame) -> str:
    genes = frame[frame["kind"] == "dna"]
    nearest = (genes["partner_rank"] == 1).mean()
    return f"own text nearest: {nearest:.0%} of {len(genes)} (chance {1 / len(genes):.1%})"
