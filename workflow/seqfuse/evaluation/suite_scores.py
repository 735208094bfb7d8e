"""Every metric of a suite's methods on each split and subset, and the means over datasets."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.evaluation.answers import Answers, read_answers
from seqfuse.evaluation.gold import FOLDS, Gold, read_gold
from seqfuse.evaluation.score import Score, scores
from seqfuse.registry.metrics import MEAN, UNALTERED
from seqfuse.statistics import inference

# Methods are selected on val and compared on test. Both together are scored too, because published
# KEGG scores may be over both.
_BOTH = "val+test"
# The subsets that probes and conflicts are scored on, besides all of their rows.
_HALVES = ("question_decides", "sequence_decides")


@dataclass(frozen=True, order=True)
class Place:
    """What a score is of."""

    dataset: str
    split: str
    subset: str
    method: str
    probe: str


def score_folds(
    study: str,
    records: dict[str, tuple[Path, Path]],
    paths: list[Path],
    names: tuple[str, str],
) -> dict[Place, dict[str, Score]]:
    """Every metric of every control on rows that were predicted fold by fold, over the repeats.

    `records` holds each dataset's records and their clusters.
    """
    by_place: dict[Place, dict[str, Score]] = {}
    for path in paths:
        datasets = tables.read(path, tables.PREDICTIONS, ["dataset"])["dataset"].unique()
        golds = {
            name: read_gold(*records[name], name, study, folds=True)
            for name in datasets.to_pylist()
            if name in records
        }
        answers = list(read_answers(path, golds))
        for name, gold in golds.items():
            chosen = np.ones(len(gold.split), dtype=bool)
            ours = [answer for answer in answers if answer.dataset == name]
            for (method, probe), values in scores(gold, chosen, ours, names).items():
                by_place[Place(name, FOLDS, "sequence_decides", method, probe)] = values
    return by_place


def score_probes(
    golds: dict[str, Gold],
    probes: list[Answers],
    answers: list[Answers],
    names: tuple[str, str],
) -> dict[Place, dict[str, Score]]:
    """Every metric of every probe on the rows that it alters.

    Methods without probes, such as controls, are scored on the same rows by their usual answers.
    """
    by_place: dict[Place, dict[str, Score]] = {}
    for dataset, gold in golds.items():
        ours = [answer for answer in probes if answer.dataset == dataset]
        if not ours:
            continue
        probed = {answer.method for answer in ours}
        beside = [
            replace(answer, probe=UNALTERED)
            for answer in answers
            if answer.dataset == dataset
            and answer.probe == "none"
            and answer.method not in probed
            and answer.present[ours[0].present].all()
        ]
        for subset, members in halves(gold).items():
            for split in ("val", "test"):
                chosen = ours[0].present & members & (gold.split == split)
                if chosen.any():
                    scored = scores(gold, chosen, ours + beside, names)
                    for (method, probe), values in scored.items():
                        by_place[Place(dataset, split, subset, method, probe)] = values
    return by_place


def halves(gold: Gold) -> dict[str, np.ndarray]:
    """All rows bool[n], and those whose label the question, or only the sequence, decides."""
    named = {name: gold.subsets[name] for name in _HALVES if name in gold.subsets}
    return {"all": np.ones(len(gold.split), dtype=bool), **named}


def score(
    golds: dict[str, Gold],
    answers: list[Answers],
    names: tuple[str, str],
    splits_of: str | None = None,
) -> dict[Place, dict[str, Score]]:
    """Every metric of every method on every split and subset of every dataset, and the means.

    If the datasets are one set that was split with several seeds, `splits_of` is that set's name.
    """
    by_place: dict[Place, dict[str, Score]] = {}
    for dataset, gold in golds.items():
        ours = [answer for answer in answers if answer.dataset == dataset]
        for split, subset, chosen in row_sets(gold):
            present = [answer for answer in ours if answer.present[chosen].all()]
            if not present:
                continue
            scored = scores(gold, chosen, present, names)
            for (method, probe), values in scored.items():
                by_place[Place(dataset, split, subset, method, probe)] = values
    if splits_of:
        return by_place | _over_splits(by_place, golds, splits_of)
    return by_place | _means(by_place, golds)


def row_sets(gold: Gold):
    """(split, subset, chosen rows bool[n]) to score, without subsets that are empty or a whole
    split."""
    splits = {name: gold.split == name for name in ("val", "test")}
    # If only a part of val is scored, pooling it with all of test would describe neither.
    if gold.variants and gold.label is not None and not len(gold.left_out):
        splits[_BOTH] = np.ones(len(gold.split), dtype=bool)
    for split, rows in splits.items():
        if not rows.any():
            continue
        yield split, "all", rows
        for subset, members in gold.subsets.items():
            chosen = rows & members
            if 0 < chosen.sum() < rows.sum():
                yield split, subset, chosen


def _means(
    by_place: dict[Place, dict[str, Score]], golds: dict[str, Gold]
) -> dict[Place, dict[str, Score]]:
    """The mean of the primary metric over all datasets, for methods that are scored on each."""
    shared = {gold.metric for gold in golds.values()}
    if len(golds) < 2 or len(shared) > 1:
        return {}
    metric = shared.pop()
    means = {}
    for place in by_place:
        parts = [by_place.get(replace(place, dataset=dataset)) for dataset in golds]
        if place.subset != "all" or place.dataset != next(iter(golds)) or not all(parts):
            continue
        of_each = [part[metric] for part in parts]
        mean = Score(_mean(of_each), sum(part.rows for part in of_each))
        means[replace(place, dataset=MEAN)] = {metric: mean}
    return means


def _over_splits(
    by_place: dict[Place, dict[str, Score]], golds: dict[str, Gold], name: str
) -> dict[Place, dict[str, Score]]:
    """The mean of every metric over the splits of one set, for methods and subsets that each split
    has."""
    means: dict[Place, dict[str, Score]] = {}
    for place, values in by_place.items():
        parts = [by_place.get(replace(place, dataset=dataset)) for dataset in golds]
        if place.dataset != next(iter(golds)) or not all(parts):
            continue
        means[replace(place, dataset=name)] = {}
        for metric in values:
            if all(metric in part for part in parts):
                of_each = [part[metric] for part in parts]
                by_split = np.array([part.estimate.value for part in of_each])
                mean = replace(_mean(of_each), splits=by_split)
                score = Score(mean, min(part.rows for part in of_each))
                means[replace(place, dataset=name)][metric] = score
    return means


def _mean(of_each: list[Score]) -> inference.Estimate:
    """The mean of scores of one metric, one for each dataset or split, seed by seed."""
    estimates = [score.estimate for score in of_each]
    return inference.Estimate(
        tuple(part for estimate in estimates for part in estimate.parts),
        (np.mean([estimate.seeds[0] for estimate in estimates], axis=0),),
    )
