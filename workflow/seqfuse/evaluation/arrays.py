"""Scores and comparisons of arrays, and the scores of a run, for use from Python.

They run the pipeline's own code, so that both give the same numbers.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.evaluation import score as scoring
from seqfuse.evaluation.answers import Answers
from seqfuse.evaluation.gold import Gold
from seqfuse.registry.metrics import METRICS
from seqfuse.statistics import comparisons, inference

# The name of the only prediction, if there is one.
_ONE = "one"


def score(
    gold: Sequence,
    predicted: Sequence,
    groups: Sequence | None = None,
    metric: str | None = None,
    confidence: float = 0.95,
) -> dict[str, float]:
    """A score with its interval: {"metric", "value", "low", "high", "n", "clusters", "seeds"}.

    `gold` [n] holds labels (texts or integers) or values (floats); `predicted` is [n], or
    [seeds, n] for several trainings. `groups` [n] names the group of each row, such as its gene:
    rows of one group are not independent. Without it, all rows are. `metric` is a name in
    docs/statistics.md (default: "accuracy" for labels, "spearman" for values). The interval is the
    report's (jackknife over groups, plus seeds; Wilson's form); it is NaN with fewer than six
    groups. Raises UserError if lengths differ or the metric is unknown or of another task.
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

    Arguments and errors as for `score`. Returns {"difference", "low", "high", "p", "detectable",
    "verdict", "equivalence", ...}. `detectable` is the smallest true difference that the test would
    find four times in five; `verdict` is "better", "worse" or "not significant ..."; `equivalence`
    says whether the difference is shown to be within `margin`. This is a single test: if you make
    several, correct for that yourself.
    """
    scored = _estimate(gold, {"one": one, "other": other}, groups, metric)
    registered = METRICS[metric or _default(gold)]
    compared = comparisons.compare(
        scored["one"].estimate,
        scored["other"].estimate,
        registered.better,
        registered.ends or (-np.inf, np.inf),
    )
    rule = comparisons.Rule(1 - confidence, margin)
    return comparisons.judged([compared], [[0]], rule)[0]


def scores(folder: str | Path):
    """Every score of a run, such as "results/demo", as a data frame.

    Its columns are those of metrics.parquet (suite, dataset, split, subset, method, probe, metric,
    value, low, ...). Raises UserError if the folder holds no scores.
    """
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
    """The score of each prediction, by its name."""
    truth = np.asarray(gold)
    regression = truth.dtype.kind == "f"
    metric = metric or _default(gold)
    task = "regression" if regression else "classification"
    if metric not in METRICS or METRICS[metric].task != task:
        known = ", ".join(name for name, one in METRICS.items() if one.task == task)
        raise UserError(f"metric {metric!r}: not a {task} metric; known: {known}")
    by_seed = {name: np.atleast_2d(np.asarray(one)) for name, one in predictions.items()}
    for name, rows in by_seed.items():
        if rows.shape[1] != len(truth):
            raise UserError(f"{len(truth)} gold rows and {rows.shape[1]} predictions of {name!r}")
    labels = () if regression else tuple(sorted(set(truth.tolist())))
    place = {label: number for number, label in enumerate(labels)}
    groups = np.arange(len(truth)) if groups is None else np.asarray(groups)
    if len(groups) != len(truth):
        raise UserError(f"{len(truth)} gold rows and {len(groups)} groups")
    records = Gold(
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
    for name, rows in by_seed.items():
        for seed, row in enumerate(rows):
            if regression:
                own = {"value": row.astype(np.float64)}
            else:
                # A prediction that is not a gold label is wrong, like an invalid answer.
                own = {"predicted": np.array([place.get(x, len(labels)) for x in row.tolist()])}
            answers.append(Answers("arrays", name, seed, "none", present, **own))
    by_method = scoring.scores(records, present, answers, ("arrays", "arrays"))
    scored = {name: by_method[name, "none"] for name in by_seed}
    if any(metric not in one for one in scored.values()):
        raise UserError(f"metric {metric!r}: needs texts or likelihoods, not labels alone")
    return {name: one[metric] for name, one in scored.items()}
