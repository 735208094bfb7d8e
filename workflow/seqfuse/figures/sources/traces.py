"""Where the gene, the alleles and the pathway in a generated reasoning come from."""

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from seqfuse.bio import stated_variant
from seqfuse.figures.drawing import intervals, names
from seqfuse.labels import CLOSE
from seqfuse.statistics import jackknife

THINGS = {"gene": "gene", "alleles": "alleles", "pathway": "pathway"}
# Where what a reasoning names comes from, the first that applies: the question; only the record's
# DNA (or what the DNA tells); another record; nowhere.
SOURCES = ("prompt", "dna", "another_row", "none")
_WORDS = {
    "prompt": "stands in the question",
    "dna": "the record's own, not in the question",
    "another_row": "another record's",
    "none": "none named",
}
_LOOKS = {
    "prompt": {"facecolor": names.PALETTE[1], "hatch": "////"},
    "dna": {"facecolor": names.PALETTE[0]},
    "another_row": {"facecolor": "#9A9A9A"},
    "none": {"facecolor": "#EBEBEB"},
}
_EXACT = {"marker": "D", "color": "black", "markersize": 3.5, "linewidth": 1}
# A substitution as it is written: G>T, "from G to T"; or the new base alone, "is now T".
_CHANGE = re.compile(r"\b([ACGT]+)\s*>\s*([ACGT]+)\b|\bfrom ([ACGT]+) to ([ACGT]+)\b")
_NOW = re.compile(r"\bnow ([ACGT]+)\b")
_PATHWAY = re.compile(r"Network Definition of the pathway: (.+)")


def table(frames: dict[str, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """One row per dataset, method and thing: the share of reasonings that name the record's own
    (`exact`), with its interval, and where what they name stands."""
    records = frames["references"]
    parts = []
    for (dataset, method), said in frames["answers"].groupby(["dataset", "method"], sort=False):
        own = records[records["dataset"] == dataset]
        rows = said.merge(own, on=["dataset", "id"])
        rows = intervals.with_clusters(rows, frames["clusters"])
        for thing in THINGS:
            truth = {row.id: of_record(thing, row) for row in own.itertuples()}
            known = {one for one in truth.values() if one}
            if not known:
                continue
            asked = rows[[bool(truth[name]) for name in rows["id"]]]
            sources = [
                source(thing, row.text or "", row.question, truth[row.id], known)
                for row in asked.itertuples()
            ]
            place = {"dataset": dataset, "method": method, "thing": thing}
            parts.append(place | _scored(asked, sources, dataset, confidence))
    columns = [
        "dataset",
        "method",
        "title",
        "thing",
        "value",
        "low",
        "high",
        *SOURCES,
        "n",
        "seeds",
    ]
    if not parts:
        return pd.DataFrame(columns=columns)
    frame = pd.DataFrame(parts)
    order = names.order({name: names.kind(name) for name in frame["method"]})
    frame = frame.assign(
        title=[names.title(name) for name in frame["method"]],
        _thing=frame["thing"].map(list(THINGS).index),
        _method=frame["method"].map(order.index),
    )
    return frame.sort_values(["dataset", "_thing", "_method"])[columns].reset_index(drop=True)


def of_record(thing: str, row) -> str | tuple[str, str] | None:
    """A record's own gene, alleles or pathway; None where it has none."""
    if thing == "gene":
        return row.group if isinstance(row.group, str) else None
    if thing == "pathway":
        match = _PATHWAY.search(row.question or "")
        return " ".join(match[1].split()) if match else None
    if not isinstance(row.variant, str):
        return None
    change = stated_variant.between(row.sequence, row.variant)
    return change and change[:2]


def source(thing: str, text: str, question: str, own, known: Iterable) -> tuple[bool, str]:
    """Whether a reasoning names the record's own, and where what it names stands."""
    reasoning = text.rpartition(CLOSE.strip())[0] or text
    named, asked = (named_in(thing, words, known) for words in (reasoning, question or ""))
    exact = any(_same(one, own) for one in named)
    if exact:
        return True, "prompt" if any(_same(one, own) for one in asked) else "dna"
    if any(one in asked for one in named):
        return False, "prompt"
    return False, "another_row" if named else "none"


def named_in(thing: str, text: str, known: Iterable) -> list:
    """What a text names: of genes and pathways those that are `known`, of alleles all."""
    if thing == "alleles":
        pairs = [(a or c, b or d) for a, b, c, d in _CHANGE.findall(text)]
        return pairs + [(None, new) for new in _NOW.findall(text)]
    flat = " ".join(text.split())
    if thing == "pathway":
        return [one for one in sorted(known) if one in flat]
    words = set(re.findall(r"[\w.-]*\w", flat))
    return sorted(words & set(known))


def _same(one, own) -> bool:
    """Where only the new allele is written, only that one is compared."""
    if isinstance(own, tuple) and one[0] is None:
        return one[1] == own[1]
    return one == own


def _scored(
    rows: pd.DataFrame, sources: list[tuple[bool, str]], dataset: str, confidence: float
) -> Mapping:
    """The share of exact matches, of rows in clusters and of seeds, and that of each source."""
    rows = rows.assign(exact=[float(exact) for exact, _ in sources])
    wide = rows.pivot_table("exact", ["id", "cluster"], "seed").dropna()
    by_row = wide.to_numpy().mean(1)

    def score(weights: np.ndarray) -> np.ndarray:
        return weights @ by_row / weights.sum(1)

    cluster = wide.index.get_level_values("cluster").to_numpy()
    estimate = jackknife.estimate(score, wide.to_numpy().mean(0), cluster, dataset)
    shares = pd.Series([source for _, source in sources]).value_counts(normalize=True)
    of_sources = {name: float(shares.get(name, 0.0)) for name in SOURCES}
    sizes = {"n": len(wide), "seeds": wide.shape[1]}
    return intervals.of(estimate, (0.0, 1.0), confidence) | of_sources | sizes


def draw(frame: pd.DataFrame) -> Figure:
    """One line per dataset, one panel per thing: bars by source, a mark for exact matches."""
    sets = [rows for _, rows in frame.groupby("dataset", sort=False)]
    heights = [0.55 + 0.2 * rows["method"].nunique() for rows in sets]
    things = [name for name in THINGS if name in set(frame["thing"])]
    figure = Figure(figsize=(7, max(1.5, sum(heights) + 0.5)), layout="constrained")
    axes = figure.subplots(
        len(sets), len(things), sharey="row", squeeze=False, height_ratios=heights
    )
    for row, rows in zip(axes, sets, strict=True):
        for axis, thing in zip(row, things, strict=True):
            part = rows[rows["thing"] == thing]
            axis.set_visible(len(part) > 0)
            if part.empty:
                continue
            left = np.zeros(len(part))
            for name in SOURCES:
                look = _LOOKS[name] | {"edgecolor": "white", "linewidth": 0}
                axis.barh(part["title"], part[name], left=left, height=0.7, **look)
                left += part[name].to_numpy()
            middle = np.arange(len(part))
            axis.hlines(middle, part["low"], part["high"], color="black", linewidth=1)
            axis.plot(part["value"], middle, **_EXACT | {"linestyle": "none"})
            axis.set(xlim=(0, 1), xlabel="share of reasonings", ylim=(len(part) - 0.4, -0.6))
            axis.set_title(f"{rows['dataset'].iloc[0]}: {THINGS[thing]}, n = {part['n'].iloc[0]:,}")
    handles: list = [
        Patch(label=_WORDS[name], edgecolor="white", linewidth=0, **_LOOKS[name])
        for name in SOURCES
    ]
    handles.append(Line2D([], [], label="names the record's own", **_EXACT))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure
