"""One suite's evaluation: which rows, which methods, and the rows of the two tables."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqfuse import labels, tables
from seqfuse.errors import UserError
from seqfuse.evaluation import metrics
from seqfuse.evaluation.answers import FOLDS, Answers, Gold, read_answers, read_gold
from seqfuse.evaluation.score import Score, scores
from seqfuse.files import read_json
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.metrics import CONFLICT, EVERY_CONTROL, MEAN, METRICS, UNALTERED
from seqfuse.statistics import comparisons, inference

# Selection happens on val, comparison on test; the two together are there because published KEGG
# scores may be over both.
_BOTH = "val+test"
# What probes are scored on, beside all rows that they alter.
_HALVES = ("question_decides", "sequence_decides")


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


def read_golds(
    study: str,
    datasets: list[str],
    paths: list[Path],
    clustered: list[Path],
    aliases: dict[str, dict[str, str]],
    validation_rows: int | None,
) -> dict[str, Gold]:
    """The scored records of each dataset, by name, with its `aliases` {other name: label}."""
    for flag, given in (("records", paths), ("clusters", clustered)):
        if len(datasets) != len(given):
            raise UserError(
                f"--{flag}: {len(given)} files for {len(datasets)} datasets; give one each, in "
                "order"
            )
    if len(set(datasets)) < len(datasets) or MEAN in datasets:
        raise UserError(
            f"--datasets: {', '.join(datasets)}: names must differ, and none be {MEAN!r}"
        )
    unknown = next((name for name in aliases if name not in datasets), None)
    if unknown is not None:
        raise UserError(f"--aliases: {unknown!r} is no dataset of {', '.join(datasets)}")
    golds = {}
    for name, path, of_rows in zip(datasets, paths, clustered, strict=True):
        gold = read_gold(path, of_rows, name, study, validation_rows=validation_rows)
        forms = labels.by_alias(name, gold.classes, aliases.get(name, {}))
        golds[name] = replace(gold, aliases=forms)
    return golds


def read_costs(study: str, suites: list[str], paths: list[Path]) -> dict[str, Method]:
    """The trained methods of a suite, by name; those of a set that is split with several seeds were
    trained on each split, a suite of its own."""
    methods: dict[str, Method] = {}
    for path in paths:
        cost = read_json(path)
        try:
            if cost["study"] != study or cost["suite"] not in suites:
                raise UserError(
                    f"{path}: the cost of suite {cost['suite']!r} ({cost['study']}), "
                    f"not of {' or '.join(map(repr, suites))} ({study})"
                )
            found = Method(
                name=cost["method"],
                kind=cost["kind"],
                seeds=tuple(seed["seed"] for seed in cost["seeds"]),
                trained_parameters=max(seed["trained_parameters"] for seed in cost["seeds"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: not a cost.json that training writes ({error!r})") from None
        before = methods.get(found.name, found)
        size = max(before.trained_parameters, found.trained_parameters)
        seeds = tuple(sorted({*before.seeds, *found.seeds}))
        methods[found.name] = replace(found, seeds=seeds, trained_parameters=size)
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


def read_probes(
    paths: list[Path], golds: dict[str, Gold], methods: dict[str, Method]
) -> list[Answers]:
    """Every probe of every table with its unaltered answers, by seed.

    A table holds a method's answers on some rows, unaltered (probe "none") and under each probe;
    all methods of a dataset are probed on the same rows, so that they can be compared.
    """
    found: dict[tuple, Answers] = {}
    for path in paths:
        read = list(read_answers(path, golds, sampled=True))
        plain = {(a.dataset, a.method, a.seed): a for a in read if a.probe == "none"}
        for answer in read:
            key = (answer.dataset, answer.method, answer.seed)
            who = f"{path}: {answer.method}, seed {answer.seed}, {answer.dataset}"
            if answer.method not in methods or answer.seed not in methods[answer.method].seeds:
                raise UserError(f"{who}: no cost.json tells of its training; give it by --costs")
            if key not in plain:
                raise UserError(f"{who}: no unaltered answers beside the probes; probe it again")
            _same_rows(answer, plain[key], who)
            _same_rows(answer, next((a for k, a in found.items() if k[0] == key[0]), answer), who)
            probe = UNALTERED if answer.probe == "none" else answer.probe
            if (*key, probe) in found:
                raise UserError(f"{who}: its probes are in another table too; give each once")
            unaltered = None if probe == UNALTERED else plain[key].predicted
            found[*key, probe] = replace(answer, probe=probe, unaltered=unaltered)
    return [found[key] for key in sorted(found)]


def score_folds(
    study: str,
    records: dict[str, tuple[Path, Path]],
    paths: list[Path],
    names: tuple[str, str],
) -> dict[Place, dict[str, Score]]:
    """Every metric of every control on rows that were predicted fold by fold, over the repeats.

    `records` holds each dataset's records and their clusters.
    """
    found: dict[Place, dict[str, Score]] = {}
    for path in paths:
        known = tables.read(path, tables.PREDICTIONS, ["dataset"])["dataset"].unique().to_pylist()
        golds = {
            name: read_gold(*records[name], name, study, folds=True)
            for name in known
            if name in records
        }
        answers = list(read_answers(path, golds))
        for name, gold in golds.items():
            chosen = np.ones(len(gold.split), dtype=bool)
            ours = [answer for answer in answers if answer.dataset == name]
            for (method, probe), values in scores(gold, chosen, ours, names).items():
                found[Place(name, FOLDS, "sequence_decides", method, probe)] = values
    return found


def _same_rows(one: Answers, other: Answers, who: str) -> None:
    if (one.present != other.present).any():
        raise UserError(
            f"{who}: {one.probe!r} is on other rows than {other.probe!r} of {other.method}, seed "
            f"{other.seed}; probe every method of a suite on the same rows"
        )


def score_probes(
    golds: dict[str, Gold],
    probes: list[Answers],
    answers: list[Answers],
    names: tuple[str, str],
) -> dict[Place, dict[str, Score]]:
    """Every metric of every probe on the rows that it alters.

    What has no probes, such as a control, stands beside them with its answers on the same rows.
    """
    found: dict[Place, dict[str, Score]] = {}
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
                        found[Place(dataset, split, subset, method, probe)] = values
    return found


def halves(gold: Gold) -> dict[str, np.ndarray]:
    """All rows bool[n], and those of what decides the label, by name."""
    named = {name: gold.subsets[name] for name in _HALVES if name in gold.subsets}
    return {"all": np.ones(len(gold.split), dtype=bool), **named}


def score(
    golds: dict[str, Gold],
    answers: list[Answers],
    names: tuple[str, str],
    splits_of: str | None = None,
) -> dict[Place, dict[str, Score]]:
    """Every metric of every method on every split and subset of every dataset, and the means.

    Where the datasets are one set that was split with several seeds, `splits_of` names it.
    """
    found: dict[Place, dict[str, Score]] = {}
    for dataset, gold in golds.items():
        ours = [answer for answer in answers if answer.dataset == dataset]
        for split, subset, chosen in _row_sets(gold):
            present = [answer for answer in ours if answer.present[chosen].all()]
            if not present:
                continue
            scored = scores(gold, chosen, present, names)
            for (method, probe), values in scored.items():
                found[Place(dataset, split, subset, method, probe)] = values
    return found | (_over_splits(found, golds, splits_of) if splits_of else _means(found, golds))


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
            low, high = inference.interval(score.estimate, METRICS[metric].ends, confidence)
            rows.append(
                vars(place)
                | {
                    "kind": {"none": kind, CONFLICT: CONFLICT}.get(place.probe, "probe"),
                    "metric": metric,
                    "value": score.value,
                    "low": float(low),
                    "high": float(high),
                    "n": score.rows,
                    "clusters": score.clusters,
                    "seeds": score.seeds,
                    "by_seed": score.estimate.seeds[0].tolist(),
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


def calibration_rows(
    golds: dict[str, Gold], answers: list[Answers], methods: dict[str, Method]
) -> list[dict]:
    """The rows of calibration.parquet, less study and suite: unaltered input, all seeds together.

    A bin without an answer has no row.
    """
    parts: dict[tuple, list[Answers]] = {}
    for answer in answers:
        if answer.confidence is not None and answer.probe == "none":
            parts.setdefault((answer.dataset, answer.method), []).append(answer)
    rows = []
    for (dataset, method), ours in parts.items():
        kind = methods[method].kind if method in methods else "control"
        for split, subset, chosen in _row_sets(golds[dataset]):
            confidence = np.concatenate([answer.confidence[chosen] for answer in ours])
            right = [(answer.likeliest == golds[dataset].label)[chosen] for answer in ours]
            place = {"dataset": dataset, "split": split, "subset": subset}
            for row in metrics.reliability(confidence, np.concatenate(right)):
                rows.append(place | {"method": method, "kind": kind} | row)
    return rows


def comparison_rows(
    scored: dict[Place, dict[str, Score]],
    golds: dict[str, Gold],
    methods: dict[str, Method],
    rule: comparisons.Rule,
) -> list[dict]:
    """The rows of comparisons.parquet, less study and suite.

    Test split, primary metric. Pairs of methods on unaltered input, and each probe with the
    unaltered input of the same method. A family of tests is what one method is held against on one
    set of rows: its controls and the other methods, or its probes. A pair of methods is in the
    families of both. Where a score is not defined, nothing is compared.
    """
    rows: list[dict] = []
    compared: list[comparisons.Compared] = []
    families: dict[tuple, list[int]] = {}
    for dataset, subset in dict.fromkeys(
        (place.dataset, place.subset) for place in scored if place.split == "test"
    ):
        # The mean over datasets, or over the splits of one, has the metric of each.
        metric = golds.get(dataset, next(iter(golds.values()))).metric
        there = {
            (place.method, place.probe): values[metric]
            for place, values in scored.items()
            if (place.dataset, place.split, place.subset) == (dataset, "test", subset)
            and not math.isnan(values[metric].value)
        }
        for (method, probe), (against, other) in _pairs(there, methods):
            one, two = there[method, probe], there[against, other]
            probed = other == UNALTERED
            for name in dict.fromkeys([method, *_trained_methods([against], methods)]):
                families.setdefault((dataset, subset, name, probed), []).append(len(rows))
            compared.append(
                comparisons.compare(
                    one.estimate,
                    two.estimate,
                    METRICS[metric].better,
                    METRICS[metric].ends,
                    paired=probed,
                )
            )
            place = {"dataset": dataset, "split": "test", "subset": subset, "metric": metric}
            who = {"method": method, "against": UNALTERED if probed else against, "probe": probe}
            more = {"n": one.rows, "seeds": _seeds(there, methods, method, against, probe)}
            rows.append(place | who | more)
    judged = comparisons.judged(compared, list(families.values()), rule)
    rows = [row | found for row, found in zip(rows, judged, strict=True)]
    return rows + _against_every_control(rows, methods)


def _trained_methods(names: list[str], methods: dict[str, Method]) -> list[str]:
    """Those of `names` that were trained and are no controls."""
    return [name for name in names if name in methods and methods[name].kind == "method"]


def _seeds(
    there: dict[tuple[str, str], Score],
    methods: dict[str, Method],
    method: str,
    against: str,
    probe: str,
) -> int:
    """The fewest seeds of what was trained in a comparison; a control without training has none."""
    trained = [name for name in (method, against) if name in methods]
    return min(there[name, "none" if probe == "none" else UNALTERED].seeds for name in trained)


def _row_sets(gold: Gold):
    """(split, subset, chosen rows bool[n]) to score; no subset that is none or all of a split."""
    splits = {name: gold.split == name for name in ("val", "test")}
    # Of a part of val and all of test, a mean would be of neither.
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
        estimates = [one.estimate for one in of_each]
        mean = Score(
            inference.Estimate(
                tuple(part for estimate in estimates for part in estimate.parts),
                (np.mean([estimate.seeds[0] for estimate in estimates], axis=0),),
            ),
            sum(one.rows for one in of_each),
        )
        means[Place(MEAN, place.split, "all", place.method, place.probe)] = {metric: mean}
    return means


def _over_splits(
    found: dict[Place, dict[str, Score]], golds: dict[str, Gold], name: str
) -> dict[Place, dict[str, Score]]:
    """Every metric's mean over the splits of one set, of the methods and subsets that all have."""
    means: dict[Place, dict[str, Score]] = {}
    for place, values in found.items():
        parts = [found.get(replace(place, dataset=dataset)) for dataset in golds]
        if place.dataset != next(iter(golds)) or not all(parts):
            continue
        shared = [metric for metric in values if all(metric in part for part in parts)]
        means[replace(place, dataset=name)] = {
            metric: _mean_of_splits([part[metric] for part in parts]) for metric in shared
        }
    return means


def _mean_of_splits(scored: list[Score]) -> Score:
    estimates = [one.estimate for one in scored]
    return Score(
        inference.Estimate(
            tuple(part for estimate in estimates for part in estimate.parts),
            (np.mean([estimate.seeds[0] for estimate in estimates], axis=0),),
            splits=np.array([estimate.value for estimate in estimates]),
        ),
        min(one.rows for one in scored),
    )


def _pairs(there: dict[tuple[str, str], Score], methods: dict[str, Method]):
    """Pairs of (method, probe): each method with each later method and with each control, and each
    probe with the unaltered input."""
    plain = [name for name, probe in there if probe == "none"]
    ours = _trained_methods(plain, methods)
    controls = [name for name in plain if name not in ours]
    for position, method in enumerate(ours):
        for against in ours[position + 1 :] + controls:
            yield (method, "none"), (against, "none")
    for method, probe in there:
        if probe not in ("none", UNALTERED) and (method, UNALTERED) in there:
            yield (method, probe), (method, UNALTERED)


def _against_every_control(rows: list[dict], methods: dict[str, Method]) -> list[dict]:
    """One more row a dataset, subset and method: whether it beats all of its controls.

    No test of its own: a method beats them all if it beats each (an intersection-union test). The
    numbers are those of the control that comes closest to the method, or lies furthest above it.
    """
    found: dict[tuple, list[dict]] = {}
    for row in rows:
        against = methods.get(row["against"])
        if row["probe"] == "none" and (not against or against.kind == "control"):
            found.setdefault((row["dataset"], row["subset"], row["method"]), []).append(row)
    return [
        _hardest(pairs)
        | {
            "against": EVERY_CONTROL,
            "verdict": comparisons.verdict_on_all(pairs),
        }
        for pairs in found.values()
    ]


def _hardest(pairs: list[dict]) -> dict:
    """The comparison with the least advantage for the method."""
    sign = 1 if METRICS[pairs[0]["metric"]].better == "higher" else -1
    return min(pairs, key=lambda row: sign * row["difference"])
