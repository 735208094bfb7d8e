"""Mean judge scores of the generated reasoning, by judge, dimension and method, and whether they
beat the controls."""

from collections.abc import Container, Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import intervals, names, published, ranking
from seqfuse.registry.judges import CEILING, OVERLAP, REFERENCES, TITLES
from seqfuse.statistics import comparisons, jackknife
from seqfuse.statistics.inference import Estimate

_SCALE = (0.0, 10.0)
_COLUMNS = ("value", "low", "high", "n", "seeds", "refused", "malformed")
_COMPARED = ("against", "gain", "gain_low", "gain_high", "p_holm", "verdict")
# Judged scores are not tested for equivalence, so this margin decides nothing.
_MARGIN = 0.05


def table(frames: dict[str, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """One row per judge, dataset, dimension and method: mean score, interval, counts, and how it
    compares with the best control on the rows that both have a score of.

    The paper's score stands beside those of a model, never beside the overlap of words.
    """
    keys = ["judge", "dataset", "dimension", "method"]
    judged = intervals.with_clusters(frames["verdicts"], frames["clusters"])
    rows = [
        dict(zip(keys, key, strict=True)) | _summary(verdicts, confidence)
        for key, verdicts in judged.groupby(keys)
    ]
    rows = pd.DataFrame(rows, columns=[*keys, *_COLUMNS])
    scored = names.kinds(frames["metrics"])
    kinds = {name: names.kind(name, scored.get(name)) for name in rows["method"]}
    controls = {name for name, kind in kinds.items() if kind == "control"} - {CEILING}
    rule = comparisons.Rule(1 - confidence, _MARGIN)
    compared = [
        dict(zip(keys, (*key, method), strict=True)) | columns
        for key, verdicts in judged[judged["status"] == "ok"].groupby(keys[:-1])
        for method, columns in _compared(verdicts, controls, rule)
    ]
    rows = rows.merge(pd.DataFrame(compared, columns=[*keys, *_COMPARED]), on=keys, how="left")
    rows = rows.assign(
        title=rows["method"].map(names.title),
        kind=rows["method"].map(kinds),
        _dimension=rows["dimension"].map({name: n for n, name in enumerate(TITLES)}),
        _method=rows["method"].map({name: n for n, name in enumerate(names.order(kinds))}),
    )
    rows = rows.sort_values(["judge", "dataset", "_dimension", "_method"], kind="stable")
    return with_published(rows.drop(columns=["_dimension", "_method"]))


def with_published(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the paper's score (Table 3) to those of a model, with our difference from it."""
    papers = [
        published.value(row.dataset, row.method, row.dimension) if row.judge != OVERLAP else None
        for row in rows.itertuples()
    ]
    return published.beside(rows, papers)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dimension, one block of panels per judge and dataset."""
    frame = frame.dropna(subset="value")
    judged = frame.groupby(["judge", "dataset", "dimension"])["n"].transform("max")
    panels = [
        f"{TITLES.get(row.dimension, row.dimension)}\n{row.judge} judge, {row.dataset}, n = {n:,}"
        for row, n in zip(frame.itertuples(), judged, strict=True)
    ]
    frame = frame.assign(
        block=frame["judge"] + frame["dataset"],
        panel=panels,
        axis="score",
        row=frame["title"],
        # The reference itself is nothing that a method must beat.
        beside=frame["method"] == CEILING,
    )
    # A little more than the scale, so that the mark of a 10 is whole.
    return ranking.draw(frame, limits=(0, 10.4))


def first(judges: pd.Series) -> str:
    """The judge that is shown where there is room for one: a model, not what checks it."""
    return min(judges.dropna(), key=lambda name: (name == OVERLAP, len(name), name))


def _summary(verdicts: pd.DataFrame, confidence: float) -> dict:
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
    return intervals.of(_estimate(scored), _SCALE, confidence) | counts


def _estimate(scored: pd.DataFrame) -> Estimate:
    """The mean score of one method, with what its error is made of."""
    means = scored.groupby("id")["score"].mean().to_numpy()
    return jackknife.estimate(
        lambda weights: weights @ means / weights.sum(1),
        scored.groupby("seed")["score"].mean().to_numpy(),
        scored.groupby("id")["cluster"].first().to_numpy(),
        scored["dataset"].iloc[0],
    )


def _compared(
    verdicts: pd.DataFrame, controls: Container[str], rule: comparisons.Rule
) -> Iterator[tuple[str, dict]]:
    """Each method with the control that scores highest, paired by record, and a verdict on all.

    The family of tests is one method's with all controls. Of the controls, the padded text is held
    against the plain one: what the judge gives for length alone.
    """
    of_method = dict(iter(verdicts.groupby("method")))
    families = {
        name: [other for other in of_method if other in controls and other != name]
        for name in of_method
        if name not in REFERENCES
    }
    if {"padded", "shuffled"} <= of_method.keys():
        families["padded"] = ["shuffled"]
    for name, others in families.items():
        pairs = [(other, _pair(of_method[name], of_method[other])) for other in others]
        pairs = [(other, pair) for other, pair in pairs if pair is not None]
        judged = comparisons.judged([pair for _, pair in pairs], [[*range(len(pairs))]], rule)
        rows = [{"against": other} | row for (other, _), row in zip(pairs, judged, strict=True)]
        if rows:
            closest = min(rows, key=lambda row: row["difference"])
            beats = comparisons.verdict_on_all(rows)
            yield (
                name,
                {
                    "against": closest["against"],
                    "gain": closest["difference"] * _SCALE[1],
                    "gain_low": closest["low"] * _SCALE[1],
                    "gain_high": closest["high"] * _SCALE[1],
                    "p_holm": closest["p_holm"],
                    "verdict": closest["verdict"] if name in REFERENCES else beats,
                },
            )


def _pair(one: pd.DataFrame, other: pd.DataFrame) -> comparisons.Compared | None:
    """The difference of two methods on the records that both have a score of, as a share of the
    scale."""
    both = set(one["id"]) & set(other["id"])
    if not both:
        return None
    shared = [rows[rows["id"].isin(both)] for rows in (one, other)]
    shares = [rows.assign(score=rows["score"] / _SCALE[1]) for rows in shared]
    return comparisons.compare(*map(_estimate, shares))
