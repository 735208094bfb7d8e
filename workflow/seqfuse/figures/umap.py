"""Genes and their descriptions in one plane, and how far the two kinds mix, measured outside it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures import names

_SEED = 0
_NEIGHBOURS = 10
_MARKERS = {"dna": "o", "text": "^"}
_KINDS = {"dna": "gene", "text": "description"}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each vector's place in the plane, and two measures of mixing in the space of the vectors.

    `other_kind`: share of the ten nearest vectors (cosine) that are of the other kind; `chance` is
    what it is expected to be where kinds do not matter. `partner_rank`: where the vector's own
    partner stands among all of the other kind, 1 = nearest.
    """
    rows = frames["vectors"].sort_values(["id", "kind"], ignore_index=True)
    vectors = np.stack(rows["vector"].to_numpy()).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    place = plane(vectors)
    return rows.drop(columns="vector").assign(
        x=place[:, 0],
        y=place[:, 1],
        other_kind=_other_kind(vectors, rows["kind"].to_numpy()),
        chance=_chance(rows["kind"]),
        partner_rank=_partner_rank(vectors, rows),
    )


def draw(frame: pd.DataFrame) -> Figure:
    """One point a vector: shape by kind, colour by group while there are few groups."""
    figure = Figure(figsize=(3.5, 3.6), layout="constrained")
    axis = figure.subplots()
    groups = sorted(frame["group"].dropna().unique())
    coloured = 1 < len(groups) <= len(names.PALETTE)
    for kind, points in frame.groupby("kind"):
        if coloured:
            colours = [
                names.PALETTE[groups.index(g)] if g in groups else names.CONTROL
                for g in points["group"]
            ]
        else:
            colours = names.PALETTE[list(_MARKERS).index(kind)]
        filled = "none" if kind == "text" else colours
        axis.scatter(
            points["x"], points["y"], s=14, marker=_MARKERS[kind], facecolors=filled,
            edgecolors=colours, linewidths=0.8,
        )  # fmt: skip
    axis.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    axis.set_title(_measured(frame), fontsize=6.5)
    figure.legend(
        handles=_handles(groups if coloured else []),
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return figure


def plane(vectors: np.ndarray) -> np.ndarray:
    """The UMAP of vectors [n, D] by cosine distance, [n, 2]; the same for the same vectors."""
    import umap

    reducer = umap.UMAP(
        metric="cosine", n_neighbors=min(15, len(vectors) - 1), random_state=_SEED, n_jobs=1
    )
    return reducer.fit_transform(vectors)


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


def _measured(frame: pd.DataFrame) -> str:
    genes = frame[frame["kind"] == "dna"]
    found = (genes["partner_rank"] == 1).mean()
    return (
        f"neighbours of the other kind: {frame['other_kind'].mean():.0%}"
        f" (if kinds did not matter: {frame['chance'].mean():.0%})\n"
        f"own description nearest: {found:.0%} of {len(genes)} genes (chance {1 / len(genes):.1%})"
    )


def _handles(groups: list[str]) -> list[Line2D]:
    point = {"linestyle": "none", "markersize": 4, "color": names.CONTROL}
    handles = [Line2D([], [], marker="o", label=_KINDS["dna"], **point)]
    handles.append(
        Line2D([], [], marker="^", markerfacecolor="none", label=_KINDS["text"], **point)
    )
    if not groups:
        handles[0].set_color(names.PALETTE[0])
        handles[1].set_color(names.PALETTE[1])
    for group, colour in zip(groups, names.PALETTE, strict=False):
        handles.append(
            Line2D([], [], marker="s", linestyle="none", markersize=4, color=colour, label=group)
        )
    return handles
