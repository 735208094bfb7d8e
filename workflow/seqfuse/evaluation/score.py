"""Scores of every method on the rows of one split and subset, and again without each unit of rows.

The same code computes the score of all rows and the leave-out scores that its error is made of.
"""

from dataclasses import dataclass

import numpy as np

from seqfuse.evaluation import metrics
from seqfuse.evaluation.answers import Answers
from seqfuse.evaluation.gold import Gold
from seqfuse.statistics import jackknife
from seqfuse.statistics.correlation import Ranking, weighted_spearman
from seqfuse.statistics.inference import Estimate, Part

# The metrics of an answer's first line, which states the variant.
_STATED = ("stated_reference", "stated_alternate", "stated_position")


@dataclass(frozen=True)
class Score:
    """One metric of one method on one set of rows: its mean over seeds, and the leave-out scores
    that its error is computed from."""

    estimate: Estimate
    rows: int

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(self.estimate.value)

    @property
    def clusters(self) -> int:
        """The number of clusters of rows."""
        return self.estimate.clusters

    @property
    def seeds(self) -> int:
        """The number of seeds that the score is the mean over."""
        return len(self.estimate.seeds[0])


class _Rows:
    """The rows of one split and subset, summed by the units that are left out."""

    def __init__(self, gold: Gold, chosen: np.ndarray, names: tuple[str, ...]):
        self.gold = gold
        self.chosen = np.flatnonzero(chosen)
        clusters, cluster = np.unique(gold.cluster[self.chosen], return_inverse=True)
        self.clusters = len(clusters)
        self.unit = jackknife.units(self.clusters, *names, gold.dataset)[cluster]
        self.sizes = np.bincount(self.unit).astype(np.float64)

    def by_unit(self, columns: np.ndarray) -> np.ndarray:
        """Columns float[rows, c] summed over each unit's rows, [units, c]."""
        summed = np.zeros((len(self.sizes), columns.shape[1]))
        np.add.at(summed, self.unit, columns)
        return summed


def scores(
    gold: Gold, chosen: np.ndarray, answers: list[Answers], names: tuple[str, ...]
) -> dict[tuple[str, str], dict[str, Score]]:
    """{(method, probe): {metric: Score}} on the rows where `chosen` bool[n] is true.

    `names` (study, suite) and the dataset's name decide which clusters are left out together. Every
    answer must be present on every chosen row.
    """
    rows = _Rows(gold, chosen, names)
    scorers = [
        _Classes(rows, answer) if gold.value is None else _Values(rows, answer)
        for answer in answers
    ]
    truth = Ranking(gold.value[rows.chosen]) if gold.value is not None else None
    blocks_of = [[] for _ in scorers]
    for weights in jackknife.weights(len(rows.sizes), len(rows.chosen)):
        counted = weights @ rows.sizes
        ranks = truth.centred(weights[:, rows.unit]) if truth else None
        for scorer, blocks in zip(scorers, blocks_of, strict=True):
            blocks.append(scorer(weights, counted, ranks))
    return _over_seeds(answers, blocks_of, rows)


class _Classes:
    """The classification metrics of one answer, for any weights of the units."""

    def __init__(self, rows: _Rows, answer: Answers):
        gold, predicted = rows.gold.label[rows.chosen], answer.predicted[rows.chosen]
        # The classes that occur, including the invalid one.
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
        if answer.stated is not None:
            for field, right in zip(_STATED, answer.stated[rows.chosen].T, strict=True):
                means[field] = right
        if answer.dna_label is not None:
            means |= _followed(hits, answer.predicted == answer.dna_label, rows.chosen)
        self.means = tuple(means)
        columns.append(np.stack([column.astype(np.float64) for column in means.values()], axis=1))
        self.units = rows.by_unit(np.concatenate(columns, axis=1))

    def __call__(self, weights, counted, _ranks) -> dict[str, np.ndarray]:
        """{metric: float64[b]} for weights[b, units] that count `counted`[b] rows."""
        summed = weights @ self.units
        classes = summed[:, : 3 * self.seen].reshape(-1, 3, self.seen)
        values = metrics.classification(classes)
        if self.calibrated:
            gaps = summed[:, 3 * self.seen : 3 * self.seen + metrics.BINS]
            values["ece"] = metrics.calibration_error(gaps, counted)
        for name, column in zip(self.means, summed[:, -len(self.means) :].T, strict=True):
            values[name] = column / counted
        return values


def _followed(text: np.ndarray, of_dna: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Which source each answer follows, [rows]; `text` are the hits on the question's own label."""
    dna = of_dna[chosen]
    return {
        "follows_text": text,
        "follows_dna": dna,
        "follows_neither": ~(text | dna),
        "text_over_dna": text.astype(np.int64) - dna,
    }


class _Values:
    """The regression metrics of one answer, for any weights of the units."""

    def __init__(self, rows: _Rows, answer: Answers):
        gold, predicted = rows.gold.value[rows.chosen], answer.value[rows.chosen]
        self.rows = rows
        self.ranking = Ranking(predicted)
        # A single row, or rows of equal value, cannot be ranked and have no variance to explain.
        self.undefined = () if np.ptp(gold) else ("spearman", "pearson", "r2")
        sums = metrics.regression_sums(gold, predicted)
        self.units = rows.by_unit(sums)

    def __call__(self, weights, counted, ranks) -> dict[str, np.ndarray]:
        """{metric: float64[b]} for weights[b, units] and gold's centred ranks[b, rows]."""
        row_weights = weights[:, self.rows.unit]
        values = {
            "spearman": weighted_spearman(ranks, self.ranking.centred(row_weights), row_weights)
        }
        values |= metrics.regression(weights @ self.units, counted)
        return values | {name: np.full(len(counted), np.nan) for name in self.undefined}


def _over_seeds(answers, blocks_of, rows: _Rows) -> dict:
    """Means over seeds, which are sorted so that a method pairs with its probes seed by seed."""
    scored: dict[tuple[str, str], dict[str, Score]] = {}
    for key in dict.fromkeys((answer.method, answer.probe) for answer in answers):
        members = [i for i, answer in enumerate(answers) if (answer.method, answer.probe) == key]
        members.sort(key=lambda i: answers[i].seed)
        scored[key] = {}
        for name in blocks_of[members[0]][0]:
            if all(name in blocks_of[i][0] for i in members):
                series = [np.concatenate([block[name] for block in blocks_of[i]]) for i in members]
                by_seed, mean = np.array([one[0] for one in series]), np.mean(series, axis=0)
                part = Part(mean[0], mean[1:], rows.clusters)
                scored[key][name] = Score(Estimate((part,), (by_seed,)), len(rows.chosen))
    return scored
