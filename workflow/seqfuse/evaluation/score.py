"""Scores of every method on the rows of one split and subset, with their bootstrap draws.

The point estimate is the resample in which every cluster is drawn once, so that a score and its
interval come from the same code.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from seqfuse.evaluation import bootstrap, metrics
from seqfuse.evaluation.answers import Answers, Gold
from seqfuse.statistics.correlation import Ranking, weighted_spearman


@dataclass(frozen=True)
class Score:
    """One metric of one method on one set of rows: its mean over seeds, and as many draws of it.

    `hits` bool[rows] says which rows the first seed has right, where the rows are independent.
    """

    value: float
    draws: np.ndarray
    rows: int
    clusters: int
    seeds: int
    hits: np.ndarray | None = None


class _Rows:
    """The rows of one split and subset, summed by cluster as bootstrap weights need them."""

    def __init__(self, gold: Gold, chosen: np.ndarray):
        self.gold = gold
        self.chosen = np.flatnonzero(chosen)
        self.cluster = np.unique(gold.cluster[self.chosen], return_inverse=True)[1]
        self.clusters = int(self.cluster.max()) + 1
        self.sizes = np.bincount(self.cluster).astype(np.float64)

    def by_cluster(self, columns: np.ndarray) -> np.ndarray:
        """Columns float[rows, c] summed over each cluster's rows, [clusters, c]."""
        summed = np.zeros((self.clusters, columns.shape[1]))
        np.add.at(summed, self.cluster, columns)
        return summed

    def hits(self, answer: Answers) -> np.ndarray | None:
        """Which rows bool[rows] an answer has right; None of clustered rows and of regression."""
        if answer.predicted is None or self.clusters < len(self.chosen):
            return None
        return (answer.predicted == self.gold.label)[self.chosen]


def scores(
    gold: Gold,
    chosen: np.ndarray,
    answers: list[Answers],
    resamples: int,
    names: tuple[str, ...],
) -> dict[tuple[str, str], dict[str, Score]]:
    """{(method, probe): {metric: Score}} on the rows where `chosen` bool[n] is true.

    `names` (study, suite) and the dataset's name seed the draws. Every answer must be present on
    every chosen row.
    """
    rows = _Rows(gold, chosen)
    scorers = [
        _Classes(rows, answer) if gold.value is None else _Values(rows, answer)
        for answer in answers
    ]
    truth = Ranking(gold.value[rows.chosen]) if gold.value is not None else None
    random = bootstrap.generator(*names, gold.dataset)
    drawn = [[] for _ in scorers]
    once = [np.ones((1, rows.clusters))]
    resampled = bootstrap.cluster_weights(rows.clusters, len(rows.chosen), resamples, random)
    for weights in itertools.chain(once, resampled):
        counted = weights @ rows.sizes
        ranks = truth.centred(weights[:, rows.cluster]) if truth else None
        for scorer, found in zip(scorers, drawn, strict=True):
            found.append(scorer(weights, counted, ranks))
    return _over_seeds(answers, drawn, rows, resamples, names)


class _Classes:
    """Metrics of classes of one answer, for any weights of the clusters."""

    def __init__(self, rows: _Rows, answer: Answers):
        gold, predicted = rows.gold.label[rows.chosen], answer.predicted[rows.chosen]
        # The classes that occur, the invalid one among them.
        seen = np.union1d(gold, predicted)
        self.seen = len(seen)
        hits = gold == predicted
        gold, predicted = np.searchsorted(seen, gold), np.searchsorted(seen, predicted)
        identity = np.eye(self.seen)
        columns = [identity[gold], identity[predicted], identity[gold] * hits[:, None]]
        means = {"invalid_rate": answer.predicted[rows.chosen] == len(rows.gold.classes)}
        if answer.likeliest is not None:
            likely = answer.likeliest[rows.chosen] == rows.gold.label[rows.chosen]
            means["likelihood_accuracy"] = likely
            gaps = metrics.calibration_bins(answer.confidence[rows.chosen], likely)
            columns.append(gaps)
        self.calibrated = answer.likeliest is not None
        if answer.substring is not None:
            substring = answer.substring[rows.chosen]
            means["substring_accuracy"] = substring
            means["substring_inflation"] = substring.astype(np.int64) - hits
        if answer.aliased is not None:
            means["alias_rate"] = answer.aliased[rows.chosen]
        if answer.cut is not None:
            means["cut_rate"] = answer.cut[rows.chosen]
        if answer.unaltered is not None:
            means["changed"] = (answer.predicted != answer.unaltered)[rows.chosen]
        self.means = tuple(means)
        columns.append(np.stack([column.astype(np.float64) for column in means.values()], axis=1))
        self.units = rows.by_cluster(np.concatenate(columns, axis=1))

    def __call__(self, weights, counted, _ranks) -> dict[str, np.ndarray]:
        """{metric: float64[b]} for weights[b, clusters] that count `counted`[b] rows."""
        summed = weights @ self.units
        classes = summed[:, : 3 * self.seen].reshape(-1, 3, self.seen)
        found = metrics.classification(classes)
        if self.calibrated:
            gaps = summed[:, 3 * self.seen : 3 * self.seen + metrics.BINS]
            found["ece"] = metrics.calibration_error(gaps, counted)
        for name, column in zip(self.means, summed[:, -len(self.means) :].T, strict=True):
            found[name] = column / counted
        return found


class _Values:
    """Metrics of regression of one answer, for any weights of the clusters."""

    def __init__(self, rows: _Rows, answer: Answers):
        gold, predicted = rows.gold.value[rows.chosen], answer.value[rows.chosen]
        self.rows = rows
        self.ranking = Ranking(predicted)
        # One row, or rows of one value, have no order and no spread that could be explained.
        self.undefined = () if np.ptp(gold) else ("spearman", "pearson", "r2")
        sums = metrics.regression_sums(gold, predicted)
        self.units = rows.by_cluster(sums)

    def __call__(self, weights, counted, ranks) -> dict[str, np.ndarray]:
        """{metric: float64[b]} for weights[b, clusters] and gold's centred ranks[b, rows]."""
        row_weights = weights[:, self.rows.cluster]
        found = {
            "spearman": weighted_spearman(ranks, self.ranking.centred(row_weights), row_weights)
        }
        found |= metrics.regression(weights @ self.units, counted)
        return found | {name: np.full(len(counted), np.nan) for name in self.undefined}


def _over_seeds(answers, drawn, rows: _Rows, resamples: int, names) -> dict:
    """Means over seeds; in each draw over resampled seeds, the same ones for every dataset."""
    found: dict[tuple[str, str], dict[str, Score]] = {}
    for key in dict.fromkeys((answer.method, answer.probe) for answer in answers):
        members = [i for i, answer in enumerate(answers) if (answer.method, answer.probe) == key]
        # The same seeds for a method's probes as for its unaltered input, which makes them pairs.
        random = bootstrap.generator(*names, key[0], "none")
        hits = rows.hits(answers[members[0]])
        shares = bootstrap.seed_weights(len(members), resamples, random)
        shared = [
            name for name in drawn[members[0]][0] if all(name in drawn[i][0] for i in members)
        ]
        found[key] = {}
        for name in shared:
            series = [np.concatenate([block[name] for block in drawn[i]]) for i in members]
            value = float(np.mean([one[0] for one in series]))
            draws = sum(shares[:, j] * one[1:] for j, one in enumerate(series))
            found[key][name] = Score(
                value, draws, len(rows.chosen), rows.clusters, len(members), hits
            )
    return found
