"""The score that a trained fusion loses when modalities are taken from it, beside their weights.

A weight is no importance: modalities are views of one string, and a fusion may lean on one that
tells it nothing new. So every set of modalities is replaced, in two ways: by their training mean,
which says nothing, and by noise of the training mean and deviation, which says something wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from seqfuse.codons.dataset import Batch
from seqfuse.codons.interpretation.trained_arms import Trained, Trials
from seqfuse.codons.model import CodonModel
from seqfuse.codons.scores import resampled
from seqfuse.codons.training_job import knock_outs

REPLACEMENTS = ("mean", "noise")
_SEED = 0  # of the noise and of the resamples


@dataclass(frozen=True)
class Intervals:
    """How many bootstrap resamples an interval is made from, and what it should cover."""

    resamples: int
    confidence: float

    def of(self, draws: np.ndarray) -> dict[str, float]:
        """The percentile interval of draws[R]."""
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(draws, [tail, 1 - tail])
        return {"low": float(low), "high": float(high)}


class Asked(NamedTuple):
    """What a model says of the test rows: as they are (no modalities), or with some replaced."""

    modalities: tuple[str, ...]
    replacement: str


WHOLE = Asked((), "")


def measure(trials: Trials, arm: str, intervals: Intervals) -> Iterator[dict]:
    """Rows of `KNOCK_OUTS` of one arm on the test rows: each seed, then the mean over seeds.

    An interval is over rows (over genes where records name them), drawn alike with and without the
    modalities; that of the mean is over seeds too.
    """
    seeds, counts = trials.arms[arm], _counts(trials, intervals.resamples)
    target = trials.dataset.target[trials.test]
    said = [predict(trials, one) for one in seeds]
    scores = [{key: resampled(p, target, counts) for key, p in one[0].items()} for one in said]
    random = np.random.default_rng(_SEED)
    # One seed fewer than there are is drawn (Rao and Wu 1988), as in the evaluation.
    picked = random.integers(0, len(seeds), (intervals.resamples, max(1, len(seeds) - 1)))
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
            lost = _lost(found[WHOLE], found[key], intervals)
            yield common | lost | {"seed": one.seed, "weight": weight}
        whole, without = (
            _over_seeds([found[which] for found in scores], picked) for which in (WHOLE, key)
        )
        weight = None if None in weights else float(np.mean(weights))
        yield common | _lost(whole, without, intervals) | {"weight": weight}


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


def _counts(trials: Trials, resamples: int) -> np.ndarray:
    """How often each test row is drawn, [1 + resamples, n]; the first draw is the rows as they are.

    Rows of one gene are drawn together.
    """
    named = [trials.group[row] or f"\0{row}" for row in trials.test]
    clusters, cluster = np.unique(named, return_inverse=True)
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(
        len(clusters), np.full(len(clusters), 1 / len(clusters)), size=resamples
    )
    return np.concatenate([np.ones((1, len(clusters))), drawn])[:, cluster]


def _over_seeds(scores: Sequence[np.ndarray], picked: np.ndarray) -> np.ndarray:
    """The mean over seeds, and over the seeds `picked` [resamples, k] in each draw."""
    of_seed = np.stack(scores)
    draws = of_seed[picked.T, np.arange(1, of_seed.shape[1])].mean(0)
    return np.concatenate([[of_seed[:, 0].mean()], draws])


def _lost(whole: np.ndarray, without: np.ndarray, intervals: Intervals) -> dict:
    lost = whole - without
    found = {"score": float(whole[0]), "knocked_out": float(without[0]), "lost": float(lost[0])}
    return found | intervals.of(lost[1:])
