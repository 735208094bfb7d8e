"""Scores and comparisons of arrays, and the scores of a run, for use from Python.

The same code as the pipeline's, so that a number here is the number there.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.evaluation import score as scoring
from seqfuse.evaluation.answers import Answers, Gold
from seqfuse.registry.metrics import METRICS
from seqfuse.statistics import comparisons, inference

# Scores that predictions alone have; the others need texts or likelihoods.
_ONE = "one"


def score(
    gold: Sequence,
    predicted: Sequence,
    groups: Sequence | None = None,
    metric: str | None = None,
    confidence: float = 0.95,
) -> dict[str, float]:
    """A score with its interval: {"metric", "value", "low", "high", "n", "clusters", "seeds"}.

    `gold` [n] are labels (texts or integers) or values (floats); `predicted` is [n], or [seeds, n]
    of several trainings. `groups` [n] names what rows are no independent samples of, such as genes;
    without it, each row is one. `metric` is a name of docs/statistics.md ("accuracy" of labels and
    "spearman" of values if not given). The interval, as in the report, is over groups and seeds
    (jackknife, Wilson's form); NaN for fewer than six groups.
    """
    one = _estimate(gold, {_ONE: predicted}, groups, metric)[_ONE]
    metric = metric or _default(gold)
    low, high = inference.interval(one.estimate, METRICS[metric].ends, confidence)
    return {
        "metric": metric,
        "value": one.value,
        "low": float(low),
        "high": float(high),
        "n": one.rows,
        "clusters": one.clusters,
        "seeds": one.seeds,
    }


def compare(
    gold: Sequence,
    one: Sequence,
    other: Sequence,
    groups: Sequence | None = None,
    metric: str | None = None,
    confidence: float = 0.95,
    margin: float = 0.05,
) -> dict[str, float | str]:
    """Whether `one` predicts better than `other` on the same rows: a paired difference.

    Arguments as for `score`. {"difference", "low", "high", "p", "detectable", "verdict",
    "equivalence", ...}: `detectable` is the smallest true difference that the test would find four
    times in five, `verdict` is "better", "worse" or that it is not significant, and `equivalence`
    says whether the difference is shown to be within the margin. A single test: correct for
    several yourself.
    """
    found = _estimate(gold, {"one": one, "other": other}, groups, metric)
    known = METRICS[metric or _default(gold)]
    compared = comparisons.compare(
        found["one"].estimate,
        found["other"].estimate,
        known.better,
        known.ends or (-np.inf, np.inf),
    )
    rule = comparisons.Rule(1 - confidence, margin)
    return comparisons.judged([compared], [[0]], rule)[0]


def scores(folder: str | Path):
    """Every score of a run, such as "results/demo": a data frame with the columns of
    metrics.parquet (suite, dataset, split, subset, method, probe, metric, value, low, ...)."""
    import pandas as pd

    paths = sorted(Path(folder).glob("evaluation/*/*/metrics.parquet"))
    if not paths:
        raise UserError(f"{folder}: no evaluation/*/*/metrics.parquet; name the folder of a run")
    frames = [tables.read(path, tables.METRICS).to_pandas() for path in paths]
    return pd.concat(frames, ignore_index=True)


def _default(gold: Sequence) -> str:
    return "spearman" if np.asarray(gold).dtype.kind == "f" else "accuracy"


def _estimate(
    gold: Sequence, predictions: dict[str, Sequence], groups: Sequence | None, metric: str | None
) -> dict[str, scoring.Score]:
    """The score of each prediction with what its error is made of."""
    truth = np.asarray(gold)
    regression = truth.dtype.kind == "f"
    metric = metric or _default(gold)
    task = "regression" if regression else "classification"
    if metric not in METRICS or METRICS[metric].task != task:
        known = ", ".join(name for name, one in METRICS.items() if one.task == task)
        raise UserError(f"metric {metric!r}: no {task} metric; known: {known}")
    said = {name: np.atleast_2d(np.asarray(one)) for name, one in predictions.items()}
    for name, rows in said.items():
        if rows.shape[1] != len(truth):
            raise UserError(f"{len(truth)} gold rows and {rows.shape[1]} predictions of {name!r}")
    labels = () if regression else tuple(sorted(set(truth.tolist())))
    place = {label: number for number, label in enumerate(labels)}
    groups = np.arange(len(truth)) if groups is None else np.asarray(groups)
    if len(groups) != len(truth):
        raise UserError(f"{len(truth)} gold rows and {len(groups)} groups")
    described = Gold(
        dataset="arrays",
        id=pa.array([str(number) for number in range(len(truth))]),
        split=np.full(len(truth), "test"),
        subsets={},
        cluster=np.unique(groups, return_inverse=True)[1],
        classes=tuple(map(str, labels)),
        label=None if regression else np.array([place[label] for label in truth.tolist()]),
        value=truth if regression else None,
        variants=False,
        metric=metric,
    )
    answers = []
    present = np.ones(len(truth), bool)
    for name, rows in said.items():
        for seed, row in enumerate(rows):
            if regression:
                own = {"value": row.astype(np.float64)}
            else:
                # What is no label of gold is wrong, as an invalid answer is.
                own = {"predicted": np.array([place.get(x, len(labels)) for x in row.tolist()])}
            answers.append(Answers("arrays", name, seed, "none", present, **own))
    found = scoring.scores(described, present, answers, ("arrays", "arrays"))
    scored = {name: found[name, "none"] for name in said}
    if any(metric not in one for one in scored.values()):
        raise UserError(f"metric {metric!r}: not a function of labels alone; take another")
    return {name: one[metric] for name, one in scored.items()}
