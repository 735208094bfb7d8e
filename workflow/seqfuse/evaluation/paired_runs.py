"""One suite in two runs: every score beside the other, with the difference on rows that both have.

A row is the same in both runs if its id, its DNA, its variant and its gold label or value are. On
such rows the two scores are paired, by the tests of the other comparisons; the trainings are not,
since each run made its own.
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
from seqfuse.evaluation import suite as suites
from seqfuse.evaluation.answers import Gold, read_answers
from seqfuse.evaluation.score import Score
from seqfuse.evaluation.suite import Place
from seqfuse.registry.metrics import MEAN, METRICS
from seqfuse.statistics import comparisons, inference

# A score that is the same with every cluster of rows left out is not tested.
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
    """What the evaluation of one suite read in one run."""

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
    """A row a dataset, subset and method that both runs scored on test, by the primary metric: the
    score of each on the rows that both have, and the second less the first.

    The tests of one dataset and subset are one family (Holm). `n` counts the common rows, `n_one`
    and `n_other` all test rows of each run. A dataset without a common row has no row here.
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
    # A mean over fewer sets than a run has would be another score by the same name.
    if not len(paired) == len(one.datasets) == len(other.datasets):
        places = [place for place in places if place.dataset in paired]
    totals[MEAN] = tuple(map(sum, zip(*totals.values(), strict=True)))
    rows, compared, families = [], [], {}
    for place in places:
        # The mean over datasets, or over the splits of one, has the metric of each.
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
    """The same columns of scores that both runs reported (rows of metrics.parquet), of datasets
    that are not `paired`: nothing is tested."""
    keys = ("study", "suite", "dataset", "subset", "method", "metric")
    known = {tuple(row[key] for key in keys): row for row in other}
    # The same set of datasets has a mean of its own on either side; others have means of others.
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
    return suites.read_golds(study, *files, dict(side.aliases), None)


def _common(dataset: str, one: Evaluated, other: Evaluated) -> set[str]:
    """The ids of the test rows that are the same in both runs."""
    first, second = (_rows(side.records[side.datasets.index(dataset)]) for side in (one, other))
    return {key for key, row in first.items() if second.get(key) == row}


def _rows(path: Path) -> dict[str, tuple]:
    """What makes a test row the same row, by its id."""
    table = tables.read(path, tables.CLEAN, [*_SAME, "split"])
    test = table.filter(pc.equal(table["split"], "test")).select(_SAME)
    columns = [column.to_pylist() for column in test.columns]
    return {key: rest for key, *rest in zip(*columns, strict=True)}


def _restricted(one: Gold, other: Gold, ids: set[str]) -> tuple[Gold, Gold]:
    """Both sets on their common test rows, in one order and with the same clusters and subsets."""
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
    """Where the common test rows stand, ordered by id."""
    named = [
        (key, at)
        for at, (key, split) in enumerate(zip(gold.id.to_pylist(), gold.split, strict=True))
        if split == "test" and key in ids
    ]
    return np.array([at for _, at in sorted(named)], dtype=np.int64)


def _scores(
    names: tuple[str, str], side: Evaluated, golds: dict[str, Gold], paired: list[str]
) -> dict[Place, dict[str, Score]]:
    """Every metric on test of the unaltered answers of one run, of the paired datasets."""
    none = {d: replace(g, left_out=g.id) for d, g in golds.items() if d not in paired}
    read = [answer for path in side.predictions for answer in read_answers(path, golds | none)]
    answers = [a for a in read if a.probe == "none" and a.dataset in paired]
    found = suites.score({d: golds[d] for d in paired}, answers, names, side.splits_of)
    return {place: scores for place, scores in found.items() if place.split == "test"}


def _side(which: str, score: Score, metric: str, rule: comparisons.Rule) -> dict:
    """Columns of one run's score."""
    low, high = inference.interval(score.estimate, METRICS[metric].ends, 1 - rule.level)
    columns = {"value": score.value, "low": float(low), "high": float(high), "seeds": score.seeds}
    return {f"{name}_{which}": value for name, value in columns.items()}


def _identical(one: inference.Estimate, other: inference.Estimate) -> bool:
    """Whether two scores are the same, seed by seed and with every cluster left out."""
    return all(
        np.array_equal(first.left, second.left)
        for first, second in zip(one.parts, other.parts, strict=True)
    ) and np.array_equal(one.seeds[0], other.seeds[0])


def _untested(verdict: dict) -> dict:
    """The columns of a comparison of two scores that are the same."""
    nothing = dict.fromkeys(("low", "high", "p", "p_holm", "detectable", "p_equivalent"), math.nan)
    return verdict | nothing | {"verdict": IDENTICAL, "equivalence": IDENTICAL}
