"""One suite's evaluation: which rows, which methods, and the rows of the two tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse.controls.catalogue import CONTROLS
from seqfuse.errors import UserError
from seqfuse.evaluation import bootstrap, compare
from seqfuse.evaluation.answers import Answers, Gold, read_answers, read_gold
from seqfuse.evaluation.catalogue import EVERY_CONTROL, MEAN, METRICS
from seqfuse.evaluation.score import Score, scores
from seqfuse.files import read_json

# Selection happens on val, comparison on test; the two together are there because published KEGG
# scores may be over both.
_BOTH = "val+test"


@dataclass(frozen=True)
class Method:
    """What cost.json says of a trained method: its kind, its seeds and its size."""

    name: str
    kind: str
    seeds: tuple[int, ...]
    trained_parameters: int


@dataclass(frozen=True, order=True)
class Place:
    """Where a score stands."""

    dataset: str
    split: str
    subset: str
    method: str
    probe: str


def read_golds(study: str, datasets: list[str], paths: list[Path]) -> dict[str, Gold]:
    """The scored records of each dataset, by name."""
    if len(datasets) != len(paths):
        raise UserError(
            f"--records: {len(paths)} files for {len(datasets)} datasets; give one each, in order"
        )
    if len(set(datasets)) < len(datasets) or MEAN in datasets:
        raise UserError(
            f"--datasets: {', '.join(datasets)}: names must differ, and none be {MEAN!r}"
        )
    return {name: read_gold(path, name, study) for name, path in zip(datasets, paths, strict=True)}


def read_costs(study: str, suite: str, paths: list[Path]) -> dict[str, Method]:
    """The trained methods of the suite, by name."""
    methods = {}
    for path in paths:
        cost = read_json(path)
        try:
            if (cost["study"], cost["suite"]) != (study, suite):
                raise UserError(
                    f"{path}: the cost of suite {cost['suite']!r} ({cost['study']}), "
                    f"not of {suite!r} ({study})"
                )
            methods[cost["method"]] = Method(
                name=cost["method"],
                kind=cost["kind"],
                seeds=tuple(seed["seed"] for seed in cost["seeds"]),
                trained_parameters=max(seed["trained_parameters"] for seed in cost["seeds"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: not a cost.json that training writes ({error!r})") from None
    return methods


def read_predictions(
    paths: list[Path], golds: dict[str, Gold], methods: dict[str, Method]
) -> list[Answers]:
    """Every answer of every table; each trained method has each of its seeds on each dataset."""
    answers: dict[tuple, Answers] = {}
    for path in paths:
        for answer in read_answers(path, golds):
            key = (answer.dataset, answer.method, answer.seed, answer.probe)
            if key in answers:
                raise UserError(
                    f"{path}: {answer.method}, seed {answer.seed}, {answer.dataset} is in another "
                    "table of predictions too; give each method once"
                )
            answers[key] = answer
    if not answers:
        raise UserError(f"{', '.join(map(str, paths))}: no prediction to score")
    for method in methods.values():
        for seed in method.seeds:
            for dataset in golds:
                if (dataset, method.name, seed, "none") not in answers:
                    raise UserError(
                        f"{method.name} was trained with seed {seed}, but no table holds its "
                        f"predictions of {dataset}; run its prediction again"
                    )
    return list(answers.values())


def score(
    golds: dict[str, Gold], answers: list[Answers], resamples: int, names: tuple[str, str]
) -> dict[Place, dict[str, Score]]:
    """Every metric of every method on every split and subset of every dataset, and the means."""
    found: dict[Place, dict[str, Score]] = {}
    for dataset, gold in golds.items():
        ours = [answer for answer in answers if answer.dataset == dataset]
        for split, subset, chosen in _row_sets(gold):
            present = [answer for answer in ours if answer.present[chosen].all()]
            if not present:
                continue
            scored = scores(gold, chosen, present, resamples, names)
            for (method, probe), values in scored.items():
                found[Place(dataset, split, subset, method, probe)] = values
    return found | _means(found, golds)


def metric_rows(
    scored: dict[Place, dict[str, Score]], methods: dict[str, Method], confidence: float
) -> list[dict]:
    """The rows of metrics.parquet, less study and suite."""
    rows = []
    for place, values in scored.items():
        method = methods.get(place.method)
        kind = method.kind if method else "control"
        parameters = sum(methods[name].trained_parameters for name in _trained(place, methods))
        for metric, score in values.items():
            low, high = bootstrap.interval(score.draws, confidence)
            rows.append(
                vars(place)
                | {
                    "kind": kind if place.probe == "none" else "probe",
                    "metric": metric,
                    "value": score.value,
                    "low": low,
                    "high": high,
                    "n": score.rows,
                    "seeds": score.seeds,
                    "trained_parameters": parameters,
                }
            )
    return rows


def _trained(place: Place, methods: dict[str, Method]) -> list[str]:
    """The trained methods that a score is due to: the method, or what a control is made of."""
    if place.method in methods:
        return [place.method]
    registered = (controls.get(place.method) for controls in CONTROLS.values())
    return [n for control in registered if control for n in control.made_of if n in methods]


def comparison_rows(
    scored: dict[Place, dict[str, Score]],
    golds: dict[str, Gold],
    methods: dict[str, Method],
    confidence: float,
) -> list[dict]:
    """The rows of comparisons.parquet, less study and suite.

    Test split, primary metric, unaltered input. A family of Holm's correction is all pairs of the
    suite on one subset; those of the mean over datasets are a family of their own.
    """
    families: dict[tuple, list[dict]] = {}
    for dataset, subset in dict.fromkeys(
        (place.dataset, place.subset) for place in scored if place.split == "test"
    ):
        metric = next(iter(golds.values())).metric if dataset == MEAN else golds[dataset].metric
        there = {
            place.method: values[metric]
            for place, values in scored.items()
            if (place.dataset, place.split, place.subset, place.probe)
            == (dataset, "test", subset, "none")
        }
        family = families.setdefault((subset, dataset == MEAN), [])
        for method, against in _pairs(there, methods):
            row = _compared(there[method], there[against], confidence)
            place = {"dataset": dataset, "split": "test", "subset": subset, "metric": metric}
            family.append(place | {"method": method, "against": against} | row)
    for family in families.values():
        adjusted = compare.holm([row["p"] for row in family])
        for row, p_holm in zip(family, adjusted, strict=True):
            better = METRICS[row["metric"]].better
            row["p_holm"] = p_holm
            row["verdict"] = compare.verdict(row["difference"], p_holm, confidence, better)
    rows = [row for family in families.values() for row in family]
    return rows + _against_every_control(rows, methods)


def _row_sets(gold: Gold):
    """(split, subset, chosen rows bool[n]) to score; no subset that is none or all of a split."""
    splits = {name: gold.split == name for name in ("val", "test")}
    if gold.variants and gold.label is not None:
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
    found: dict[Place, dict[str, Score]], golds: dict[str, Gold]
) -> dict[Place, dict[str, Score]]:
    """The primary metric's mean over datasets, of the methods that have them all."""
    shared = {gold.metric for gold in golds.values()}
    if len(golds) < 2 or len(shared) > 1:
        return {}
    metric = shared.pop()
    means = {}
    for place in found:
        parts = [
            found.get(Place(dataset, place.split, "all", place.method, place.probe))
            for dataset in golds
        ]
        if place.subset != "all" or place.dataset != next(iter(golds)) or not all(parts):
            continue
        of_each = [part[metric] for part in parts]
        mean = Score(
            value=float(np.mean([one.value for one in of_each])),
            draws=np.mean([one.draws for one in of_each], axis=0),
            rows=sum(one.rows for one in of_each),
            clusters=sum(one.clusters for one in of_each),
            seeds=min(one.seeds for one in of_each),
        )
        means[Place(MEAN, place.split, "all", place.method, place.probe)] = {metric: mean}
    return means


def _pairs(there: dict[str, Score], methods: dict[str, Method]):
    """Each method with each later method and with each control."""
    ours = [name for name in there if name in methods and methods[name].kind == "method"]
    controls = [name for name in there if name not in ours]
    for position, method in enumerate(ours):
        for against in ours[position + 1 :] + controls:
            yield method, against


def _against_every_control(rows: list[dict], methods: dict[str, Method]) -> list[dict]:
    """One more row a dataset, subset and method: whether it beats all of its controls.

    No test of its own: a method beats them all if it beats each (an intersection-union test). The
    numbers are those of the control that comes closest to the method, or lies furthest above it.
    """
    found: dict[tuple, list[dict]] = {}
    for row in rows:
        against = methods.get(row["against"])
        if not against or against.kind == "control":
            found.setdefault((row["dataset"], row["subset"], row["method"]), []).append(row)
    return [
        _hardest(pairs) | {"against": EVERY_CONTROL, "verdict": compare.verdict_on_all(pairs)}
        for pairs in found.values()
    ]


def _hardest(pairs: list[dict]) -> dict:
    """The comparison with the least advantage for the method."""
    sign = 1 if METRICS[pairs[0]["metric"]].better == "higher" else -1
    return min(pairs, key=lambda row: sign * row["difference"])


def _compared(method: Score, against: Score, confidence: float) -> dict:
    """The difference of two scores, with its interval and its p."""
    difference, draws = compare.difference(method, against)
    low, high = bootstrap.interval(draws, confidence)
    p = compare.p_value(difference, draws, method.clusters)
    return {"difference": difference, "low": low, "high": high, "p": p}
