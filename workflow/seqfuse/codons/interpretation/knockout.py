"""The score that a trained fusion loses when modalities are knocked out, beside their weights.

A weight is not importance: modalities are views of one string, and a fusion may lean on one that
adds nothing. So every set of modalities is replaced in two ways: by their training mean, which is
uninformative, and by noise with the training mean and deviation, which is misleading.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from seqfuse.codons.inputs.batches import Batch
from seqfuse.codons.interpretation.trained_arms import Trained, Trials
from seqfuse.codons.model import CodonModel
from seqfuse.codons.scores import resampled
from seqfuse.codons.training_job import knock_outs
from seqfuse.statistics import inference, jackknife

REPLACEMENTS = ("mean", "noise")
_SEED = 0  # of the noise


class Condition(NamedTuple):
    """How the test rows are shown to a model: unaltered (no modalities), or with some replaced."""

    modalities: tuple[str, ...]
    replacement: str


WHOLE = Condition((), "")


def measure(trials: Trials, arm: str, confidence: float) -> Iterator[dict]:
    """Rows of `KNOCK_OUTS` for one arm on the test rows: each seed, then the mean over seeds.

    Intervals are over clusters of rows, paired with and without the modalities; that of the mean is
    over seeds as well.
    """
    seeds = trials.arms[arm]
    clusters, counts = _counts(trials)
    target = trials.dataset.target[trials.test]
    outputs = [predict(trials, one) for one in seeds]
    scores = [
        {key: resampled(values, target, counts) for key, values in predicted.items()}
        for predicted, _ in outputs
    ]
    for key in list(scores[0])[1:]:
        common = {
            "dataset": trials.dataset.name,
            "method": arm,
            "modalities": "+".join(key.modalities),
            "replacement": key.replacement,
            "metric": "accuracy" if trials.dataset.labels else "spearman",
            "n": len(trials.test),
        }
        weights = [weighed.get(common["modalities"]) for _, weighed in outputs]
        for one, own_scores, weight in zip(seeds, scores, weights, strict=True):
            lost = _lost([own_scores], key, clusters, confidence)
            yield common | lost | {"seed": one.seed, "weight": weight}
        weight = None if None in weights else float(np.mean(weights))
        yield common | _lost(scores, key, clusters, confidence) | {"weight": weight}


@torch.inference_mode()
def predict(
    trials: Trials, trained: Trained
) -> tuple[dict[Condition, np.ndarray], dict[str, float]]:
    """Predictions [n, outputs] for the test rows by condition, `WHOLE` first, and the mean weights.

    A batch is read once, and its views are aligned once unaltered and once for each replacement.
    """
    model, modalities = trained.model, trained.arm.modalities
    random = torch.Generator().manual_seed(_SEED)
    keys = [WHOLE] + [Condition(s, r) for s in knock_outs(trained.arm) for r in REPLACEMENTS]
    predicted, weights, positions = {key: [] for key in keys}, [], []
    for chosen, batch in trials.batches(trained, trials.test):
        positions.append(chosen)
        views = model.views(batch)
        others = {
            name: model.views(replaced(model, batch, modalities, name, random))
            for name in REPLACEMENTS
        }
        for key in keys:
            changed = {view: others[key.replacement][view] for view in key.modalities}
            output = model.predict(views | changed, batch.mask)
            predicted[key].append(trained.prediction(output))
            if key == WHOLE and output.weights is not None:
                weights.append(output.weights.double().cpu())
    back = np.argsort(np.concatenate(positions))
    weighed = {}
    if weights:
        weighed = dict(zip(modalities, torch.cat(weights).mean(0).tolist(), strict=True))
    return {key: np.concatenate(parts)[back] for key, parts in predicted.items()}, weighed


def replaced(
    model: CodonModel,
    batch: Batch,
    modalities: Sequence[str],
    replacement: str,
    random: torch.Generator,
) -> Batch:
    """The batch with the states of some modalities replaced."""
    views = dict(batch.views)
    for view in modalities:
        scale, packed = model.scale[view], views[view]
        tokens = scale.mean.expand_as(packed.tokens)
        if replacement == "noise":
            noise = torch.randn(tokens.shape, generator=random).to(tokens.device)
            tokens = tokens + scale.deviation * noise
        views[view] = packed._replace(tokens=tokens)
    return batch._replace(views=views)


def _counts(trials: Trials) -> tuple[int, np.ndarray]:
    """The number of clusters of the test rows, and how often each row counts, [1 + units, n]: first
    every row once, then all but those of one unit."""
    clusters, cluster = np.unique(trials.cluster, return_inverse=True)
    unit = jackknife.units(len(clusters), trials.dataset.name)
    blocks = jackknife.weights(int(unit.max()) + 1, len(cluster))
    return len(clusters), np.concatenate(list(blocks))[:, unit[cluster]]


def _lost(
    of_seeds: Sequence[dict[Condition, np.ndarray]],
    key: Condition,
    clusters: int,
    confidence: float,
) -> dict:
    """The loss of the mean over seeds, from scores [1 + units] with all modalities and without."""
    whole, without = (
        _mean([scores[which] for scores in of_seeds], clusters) for which in (WHOLE, key)
    )
    lost = inference.difference(whole, without, paired=True)
    low, high = lost.interval(1 - confidence)
    both = {"score": float(whole.value), "knocked_out": float(without.value)}
    return both | {"lost": float(lost.value), "low": float(low), "high": float(high)}


def _mean(scores: Sequence[np.ndarray], clusters: int) -> inference.Estimate:
    mean = np.mean(scores, axis=0)
    part = inference.Part(mean[0], mean[1:], clusters)
    return inference.Estimate((part,), (np.array([one[0] for one in scores]),))
