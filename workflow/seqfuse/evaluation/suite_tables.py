"""The rows of a suite's three tables: metrics, calibration and comparisons."""

import math

import numpy as np

from seqfuse.evaluation import metrics
from seqfuse.evaluation.answers import Answers
from seqfuse.evaluation.gold import Gold
from seqfuse.evaluation.score import Score
from seqfuse.evaluation.suite_inputs import Method
from seqfuse.evaluation.suite_scores import Place, row_sets
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.metrics import CONFLICT, EVERY_CONTROL, METRICS, UNALTERED
from seqfuse.statistics import comparisons, inference


def metric_rows(
    scored: dict[Place, dict[str, Score]], methods: dict[str, Method], confidence: float
) -> list[dict]:
    """The rows of metrics.parquet, without study and suite."""
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
    """The trained methods behind a score: the method itself, or those that a control combines."""
    if place.method in methods:
        return [place.method]
    registered = (controls.get(place.method) for controls in CONTROLS.values())
    return [n for control in registered if control for n in control.made_of if n in methods]


def calibration_rows(
    golds: dict[str, Gold], answers: list[Answers], methods: dict[str, Method]
) -> list[dict]:
    """The rows of calibration.parquet, without study and suite: unaltered input, seeds pooled.

    Empty bins have no row.
    """
    parts: dict[tuple, list[Answers]] = {}
    for answer in answers:
        if answer.confidence is not None and answer.probe == "none":
            parts.setdefault((answer.dataset, answer.method), []).append(answer)
    rows = []
    for (dataset, method), ours in parts.items():
        kind = methods[method].kind if method in methods else "control"
        for split, subset, chosen in row_sets(golds[dataset]):
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
    """The rows of comparisons.parquet, without study and suite.

    They compare, by the primary metric on the test split, pairs of methods on unaltered input, and
    each probe with the unaltered input of the same method. All comparisons of one method on one set
    of rows, with its controls and the other methods or with its probes, are a family of tests. A
    pair of methods belongs to the families of both. A score that is undefined is not compared.
    """
    rows: list[dict] = []
    compared: list[comparisons.Compared] = []
    families: dict[tuple, list[int]] = {}
    for dataset, subset in dict.fromkeys(
        (place.dataset, place.subset) for place in scored if place.split == "test"
    ):
        # A mean, over datasets or over splits, has the metric that all of them share.
        metric = golds.get(dataset, next(iter(golds.values()))).metric
        scores = {
            (place.method, place.probe): values[metric]
            for place, values in scored.items()
            if (place.dataset, place.split, place.subset) == (dataset, "test", subset)
            and not math.isnan(values[metric].value)
        }
        for (method, probe), (against, other) in _pairs(scores, methods):
            one, two = scores[method, probe], scores[against, other]
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
            counts = {"n": one.rows, "seeds": _seeds(scores, methods, method, against, probe)}
            rows.append(place | who | counts)
    judged = comparisons.judged(compared, list(families.values()), rule)
    rows = [row | verdict for row, verdict in zip(rows, judged, strict=True)]
    return rows + _against_every_control(rows, methods)


def _trained_methods(names: list[str], methods: dict[str, Method]) -> list[str]:
    """Those of `names` that were trained and are not controls."""
    return [name for name in names if name in methods and methods[name].kind == "method"]


def _seeds(
    scores: dict[tuple[str, str], Score],
    methods: dict[str, Method],
    method: str,
    against: str,
    probe: str,
) -> int:
    """The number of seeds behind a comparison: the smaller one of two trained methods. A control
    that was not trained does not count."""
    trained = [name for name in (method, against) if name in methods]
    return min(scores[name, "none" if probe == "none" else UNALTERED].seeds for name in trained)


def _pairs(scores: dict[tuple[str, str], Score], methods: dict[str, Method]):
    """Pairs of (method, probe): each method with each later method and with each control, and each
    probe with the unaltered input."""
    plain = [name for name, probe in scores if probe == "none"]
    ours = _trained_methods(plain, methods)
    controls = [name for name in plain if name not in ours]
    for position, method in enumerate(ours):
        for against in ours[position + 1 :] + controls:
            yield (method, "none"), (against, "none")
    for method, probe in scores:
        if probe not in ("none", UNALTERED) and (method, UNALTERED) in scores:
            yield (method, probe), (method, UNALTERED)


def _against_every_control(rows: list[dict], methods: dict[str, Method]) -> list[dict]:
    """One more row for each dataset, subset and method: whether it beats all of its controls.

    This needs no further test: a method beats them all if it beats each (an intersection-union
    test). The numbers are those of the control that leaves the method the smallest advantage.
    """
    with_controls: dict[tuple, list[dict]] = {}
    for row in rows:
        against = methods.get(row["against"])
        if row["probe"] == "none" and (not against or against.kind == "control"):
            key = row["dataset"], row["subset"], row["method"]
            with_controls.setdefault(key, []).append(row)
    return [
        _hardest(pairs) | {"against": EVERY_CONTROL, "verdict": comparisons.verdict_on_all(pairs)}
        for pairs in with_controls.values()
    ]


def _hardest(pairs: list[dict]) -> dict:
    """The comparison in which the method has the smallest advantage."""
    sign = 1 if METRICS[pairs[0]["metric"]].better == "higher" else -1
    return min(pairs, key=lambda row: sign * row["difference"])
