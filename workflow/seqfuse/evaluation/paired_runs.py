"""One suite in two runs: the score of each, and their difference on the rows that both have.

A row is common to both runs if its id, DNA, variant and gold label or value are the same. Scores
are paired by these rows, with the same tests as all other comparisons. They are not paired by seed,
since each run trained its own models.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.bio import clusters
from seqfuse.evaluation import suite_inputs, suite_scores
from seqfuse.evaluation.answers import read_answers
from seqfuse.evaluation.gold import Gold
from seqfuse.evaluation.score import Score
from seqfuse.evaluation.suite_scores import Place
from seqfuse.registry.metrics import MEAN, METRICS
from seqfuse.statistics import comparisons, inference

# Two scores that stay equal whichever cluster is left out are not tested.
IDENTICAL = "identical"
UNPAIRED = "not paired: no test row is the same in both"
_TESTED = ("difference", "low", "high", "p", "p_holm", "detectable", "p_equivalent", "clusters")
COLUMNS = (
    *("study", "suite", "dataset", "subset", "method", "metric", "n", "n_one", "n_other"),
    *(f"{what}_{side}" for side in ("one", "other") for what in ("value", "low", "high", "seeds")),
    *(*_TESTED, "verdict", "equivalence"),
)
_SAME = ("id", "sequence", "variant", "label", "value")


@dataclass(frozen=True)
class Evaluated:
    """The files that the evaluation of one suite read in one run."""

    datasets: list[str]
    records: list[Path]
    clusters: list[Path]
    predictions: list[Path]
    aliases: Mapping[str, dict[str, str]]
    splits_of: str | None = None


def compare(
    study: str,
    name: str,
    one: Evaluated,
    other: Evaluated,
    rule: comparisons.Rule,
) -> list[dict]:
    """One row for each dataset, subset and method that both runs scored on test.

    It holds the primary metric of each run on the common rows, and the second minus the first. The
    tests of one dataset and subset are one family (Holm). `n` counts the common rows, `n_one` and
    `n_other` all test rows of each run. Datasets without common rows are left out.
    """
    golds = _golds(study, one), _golds(study, other)
    totals: dict[str, tuple[int, int]] = {}
    for dataset in [name for name in one.datasets if name in other.datasets]:
        first, second = (of_run[dataset] for of_run in golds)
        ids = _common(dataset, one, other) if first.metric == second.metric else set()
        if ids:
            totals[dataset] = tuple(int((gold.split == "test").sum()) for gold in (first, second))
            golds[0][dataset], golds[1][dataset] = _restricted(first, second, ids)
    paired = list(totals)
    if not paired:
        return []
    scores = [
        _scores((study, name), side, of_run, paired)
        for side, of_run in zip((one, other), golds, strict=True)
    ]
    places = [place for place in scores[0] if place in scores[1]]
    # A mean over a part of the datasets would be a different score under the same name.
    if not len(paired) == len(one.datasets) == len(other.datasets):
        places = [place for place in places if place.dataset in paired]
    totals[MEAN] = tuple(map(sum, zip(*totals.values(), strict=True)))
    rows, compared, families = [], [], {}
    for place in places:
        # A mean, over datasets or over splits, has the metric that all of them share.
        metric = golds[0].get(place.dataset, golds[0][paired[0]]).metric
        first, second = (of_run[place][metric] for of_run in scores)
        if math.isnan(first.value) or math.isnan(second.value):
            continue
        n_one, n_other = totals.get(place.dataset, (first.rows, second.rows))
        row = {"study": study, "suite": name, "dataset": place.dataset, "subset": place.subset}
        row |= {"method": place.method, "metric": metric}
        row |= _side("one", first, metric, rule) | _side("other", second, metric, rule)
        rows.append(row | {"n": first.rows, "n_one": n_one, "n_other": n_other})
        known = METRICS[metric]
        compared.append(
            comparisons.compare(second.estimate, first.estimate, known.better, known.ends)
        )
        if not _identical(first.estimate, second.estimate):
            families.setdefault((place.dataset, place.subset), []).append(len(rows) - 1)
    judged = comparisons.judged(compared, list(families.values()), rule)
    tested = {number for family in families.values() for number in family}
    return [
        row | (verdict if number in tested else _untested(verdict))
        for number, (row, verdict) in enumerate(zip(rows, judged, strict=True))
    ]


def unpaired(one: list[dict], other: list[dict], paired: set[str]) -> list[dict]:
    """The same columns, untested, for scores that both runs reported on datasets that are not
    `paired`; `one` and `other` are rows of metrics.parquet."""
    keys = ("study", "suite", "dataset", "subset", "method", "metric")
    known = {tuple(row[key] for key in keys): row for row in other}
    # The two means are comparable only if they are over the same datasets.
    ours, theirs = ({row["dataset"] for row in side} for side in (one, other))
    left_out = paired if ours == theirs and not paired else paired | {MEAN}
    rows = []
    for row in one:
        key = tuple(row[name] for name in keys)
        if row["dataset"] in left_out or key not in known:
            continue
        sides = {"one": row, "other": known[key]}
        columns = dict(zip(keys, key, strict=True)) | {"n": 0}
        for side, reported in sides.items():
            columns[f"n_{side}"] = reported["n"]
            columns |= {f"{w}_{side}": reported[w] for w in ("value", "low", "high", "seeds")}
        nothing = dict.fromkeys(_TESTED)
        rows.append(columns | nothing | {"verdict": UNPAIRED, "equivalence": ""})
    return rows


def _golds(study: str, side: Evaluated) -> dict[str, Gold]:
    files = side.datasets, side.records, side.clusters
    return suite_inputs.read_golds(study, *files, dict(side.aliases), None)


def _common(dataset: str, one: Evaluated, other: Evaluated) -> set[str]:
    """The ids of the test rows that are the same in both runs."""
    first, second = (_rows(side.records[side.datasets.index(dataset)]) for side in (one, other))
    return {key for key, row in first.items() if second.get(key) == row}


def _rows(path: Path) -> dict[str, tuple]:
    """The content of each test row, by id: rows with equal content are the same."""
    table = tables.read(path, tables.CLEAN, [*_SAME, "split"])
    test = table.filter(pc.equal(table["split"], "test")).select(_SAME)
    columns = [column.to_pylist() for column in test.columns]
    return {key: rest for key, *rest in zip(*columns, strict=True)}


def _restricted(one: Gold, other: Gold, ids: set[str]) -> tuple[Gold, Gold]:
    """Both sets reduced to their common test rows, in one order, with the same clusters and
    subsets."""
    held = [_at(gold, ids) for gold in (one, other)]
    rows = [gold.cluster[at] for gold, at in zip((one, other), held, strict=True)]
    cluster = clusters.joined([np.unique(r, return_inverse=True)[1] for r in rows])
    subsets = {
        name: one.subsets[name][held[0]] & other.subsets[name][held[1]]
        for name in one.subsets
        if name in other.subsets
    }
    first, second = (
        replace(
            gold,
            id=gold.id.take(pa.array(at)),
            split=gold.split[at],
            subsets=subsets,
            cluster=cluster,
            label=None if gold.label is None else gold.label[at],
            value=None if gold.value is None else gold.value[at],
            left_out=gold.id.filter(pa.array(~np.isin(np.arange(len(gold.id)), at))),
            stated=None,
        )
        for gold, at in zip((one, other), held, strict=True)
    )
    return first, second


def _at(gold: Gold, ids: set[str]) -> np.ndarray:
    """The row numbers of the common test rows, ordered by id."""
    named = [
        (key, at)
        for at, (key, split) in enumerate(zip(gold.id.to_pylist(), gold.split, strict=True))
        if split == "test" and key in ids
    ]
    return np.array([at for _, at in sorted(named)], dtype=np.int64)


def _scores(
    names: tuple[str, str], side: Evaluated, golds: dict[str, Gold], paired: list[str]
) -> dict[Place, dict[str, Score]]:
    """Every metric of one run's unaltered answers on the test rows of the paired datasets."""
    unscored = {d: replace(g, left_out=g.id) for d, g in golds.items() if d not in paired}
    golds = golds | unscored
    read = [answer for path in side.predictions for answer in read_answers(path, golds)]
    answers = [a for a in read if a.probe == "none" and a.dataset in paired]
    by_place = suite_scores.score({d: golds[d] for d in paired}, answers, names, side.splits_of)
    return {place: scores for place, scores in by_place.items() if place.split == "test"}


def _side(which: str, score: Score, metric: str, rule: comparisons.Rule) -> dict:
    """The columns of one run's score."""
    low, high = inference.interval(score.estimate, METRICS[metric].ends, 1 - rule.level)
    columns = {"value": score.value, "low": float(low), "high": float(high), "seeds": score.seeds}
    return {f"{name}_{which}": value for name, value in columns.items()}


def _identical(one: inference.Estimate, other: inference.Estimate) -> bool:
    """Whether two scores are equal for every seed and whichever cluster is left out."""
    return all(
        np.array_equal(first.left, second.left)
        for first, second in zip(one.parts, other.parts, strict=True)
    ) and np.array_equal(one.seeds[0], other.seeds[0])


def _untested(verdict: dict) -> dict:
    """The columns of a comparison of two identical scores."""
    nothing = dict.fromkeys(("low", "high", "p", "p_holm", "detectable", "p_equivalent"), math.nan)
    return verdict | nothing | {"verdict": IDENTICAL, "equivalence": IDENTICAL}
