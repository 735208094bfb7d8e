"""Mean judge scores of the generated reasoning, by judge, dimension and method."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import intervals, names, published, ranking
from seqfuse.registry.judges import DIMENSIONS
from seqfuse.statistics import jackknife

_SCALE = (0.0, 10.0)
_COLUMNS = ("value", "low", "high", "n", "seeds", "refused", "malformed")


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a judge, dataset, dimension and method: mean score, interval, counts.

    The paper's score stands beside those of a model, never beside the overlap of words.
    """
    keys = ["judge", "dataset", "dimension", "method"]
    judged = intervals.with_clusters(frames["verdicts"], frames["clusters"])
    rows = [
        dict(zip(keys, key, strict=True)) | _summary(verdicts)
        for key, verdicts in judged.groupby(keys)
    ]
    rows = pd.DataFrame(rows, columns=[*keys, *_COLUMNS])
    kinds = {name: names.kind(name) for name in rows["method"]}
    rows = rows.assign(
        title=rows["method"].map(names.title),
        kind=rows["method"].map(kinds),
        _dimension=rows["dimension"].map({name: n for n, name in enumerate(DIMENSIONS)}),
        _method=rows["method"].map({name: n for n, name in enumerate(names.order(kinds))}),
    )
    rows = rows.sort_values(["judge", "dataset", "_dimension", "_method"], kind="stable")
    return with_published(rows.drop(columns=["_dimension", "_method"]))


def with_published(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the paper's score (Table 3) to those of a model, with our difference from it."""
    papers = [
        published.value(row.dataset, row.method, row.dimension) if row.judge != "overlap" else None
        for row in rows.itertuples()
    ]
    return published.beside(rows, papers)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel a dimension, one block of panels a judge and dataset."""
    frame = frame.dropna(subset="value")
    panels = [
        f"{DIMENSIONS.get(row.dimension, row.dimension)}\n{row.judge} judge, {row.dataset}"
        for row in frame.itertuples()
    ]
    frame = frame.assign(
        block=frame["judge"] + frame["dataset"], panel=panels, axis="score", row=frame["title"]
    )
    # A little more than the scale, so that the mark of a 10 is whole.
    return ranking.draw(frame, limits=(0, 10.4))


def first(judges: pd.Series) -> str:
    """The judge that is shown where there is room for one: a model, not what checks it."""
    return min(judges.dropna(), key=lambda name: (name == "overlap", len(name), name))


def _summary(verdicts: pd.DataFrame) -> dict:
    """The mean over records of the mean over seeds, which need not all have judged a record."""
    scored = verdicts[verdicts["status"] == "ok"]
    counts = {
        "n": scored["id"].nunique(),
        "seeds": verdicts["seed"].nunique(),
        "refused": int((verdicts["status"] == "refused").sum()),
        "malformed": int((verdicts["status"] == "malformed").sum()),
    }
    if not counts["n"]:
        return {"value": np.nan, "low": np.nan, "high": np.nan, **counts}
    means = scored.groupby("id")["score"].mean().to_numpy()
    estimate = jackknife.estimate(
        lambda weights: weights @ means / weights.sum(1),
        scored.groupby("seed")["score"].mean().to_numpy(),
        scored.groupby("id")["cluster"].first().to_numpy(),
        verdicts["dataset"].iloc[0],
    )
    return intervals.of(estimate, _SCALE) | counts
