"""The score that a trained fusion loses when modalities are taken from it, beside their weights.

A weight is no importance: modalities are views of one string, and a fusion may lean on one that
tells it nothing new. So every set of modalities is replaced, in two ways: by their training mean,
which says nothing, and by noise of the training mean and deviation, which says something wrong.
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


class Asked(NamedTuple):
    """What a model says of the test rows: as they are (no modalities), or with some replaced."""

    modalities: tuple[str, ...]
    replacement: str


WHOLE = Asked((), "")


def measure(trials: Trials, arm: str, confidence: float) -> Iterator[dict]:
    """Rows of `KNOCK_OUTS` of one arm on the test rows: each seed, then the mean over seeds.

    An interval is over clusters of rows, the same with and without the modalities; that of the
    mean is over seeds too.
    """
    seeds = trials.arms[arm]
    clusters, counts = _counts(trials)
    target = trials.dataset.target[trials.test]
    said = [predict(trials, one) for one in seeds]
    scores = [{key: resampled(p, target, counts) for key, p in one[0].items()} for one in said]
    for key in list(scores[0])[1:]:
        common = {
            "dataset": trials.dataset.name,
            "method": arm,
            "modalities": "+".join(key.modalities),
            "replacement": key.replacement,
            "metric": "accuracy" if trials.dataset.labels else "spearman",
            "n": len(trials.test),
        }
        weights = [weighed.get(common["modalities"]) for _, weighed in said]
        for one, found, weight in zip(seeds, scores, weights, strict=True):
            lost = _lost([found], key, clusters, confidence)
            yield common | lost | {"seed": one.seed, "weight": weight}
        weight = None if None in weights else float(np.mean(weights))
        yield common | _lost(scores, key, clusters, confidence) | {"weight": weight}


@torch.inference_mode()
def predict(trials: Trials, trained: Trained) -> tuple[dict[Asked, np.ndarray], dict[str, float]]:
    """Predictions [n, outputs] of the test rows, unaltered ones first, and the mean weights.

    A batch is read once, and each of its views aligned once as it is and once a replacement.
    """
    model, modalities = trained.model, trained.arm.modalities
    random = torch.Generator().manual_seed(_SEED)
    keys = [WHOLE] + [Asked(s, r) for s in knock_outs(trained.arm) for r in REPLACEMENTS]
    said, weights, positions = {key: [] for key in keys}, [], []
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
            said[key].append(trained.say(output))
            if key == WHOLE and output.weights is not None:
                weights.append(output.weights.double().cpu())
    back = np.argsort(np.concatenate(positions))
    weighed = {}
    if weights:
        weighed = dict(zip(modalities, torch.cat(weights).mean(0).tolist(), strict=True))
    return {key: np.concatenate(parts)[back] for key, parts in said.items()}, weighed


def replaced(
    model: CodonModel,
    batch: Batch,
    modalities: Sequence[str],
    replacement: str,
    random: torch.Generator,
) -> Batch:
    """The batch with other states in place of those of some modalities."""
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
    """How many clusters the test rows have, and how often each row counts, [1 + units, n]: first
    all rows once, then all but those of a unit."""
    clusters, cluster = np.unique(trials.cluster, return_inverse=True)
    unit = jackknife.units(len(clusters), trials.dataset.name)
    blocks = jackknife.weights(int(unit.max()) + 1, len(cluster))
    return len(clusters), np.concatenate(list(blocks))[:, unit[cluster]]


def _lost(
    of_seeds: Sequence[dict[Asked, np.ndarray]], key: Asked, clusters: int, confidence: float
) -> dict:
    """What the mean over seeds loses, from scores [1 + units] with all modalities and without."""
    whole, without = (
        _mean([found[which] for found in of_seeds], clusters) for which in (WHOLE, key)
    )
    lost = inference.difference(whole, without, paired=True)
    low, high = lost.interval(1 - confidence)
    found = {"score": float(whole.value), "knocked_out": float(without.value)}
    return found | {"lost": float(lost.value), "low": float(low), "high": float(high)}


def _mean(scores: Sequence[np.ndarray], clusters: int) -> inference.Estimate:
    mean = np.mean(scores, axis=0)
    part = inference.Part(mean[0], mean[1:], clusters)
    return inference.Estimate((part,), (np.array([one[0] for one in scores]),))
