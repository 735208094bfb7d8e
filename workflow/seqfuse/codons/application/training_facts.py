"""What an arm was trained on and how it scores: written beside its checkpoints, read to use it.

`arm.json` holds the ranges of the training rows, how often they use each codon, and the arm's own
score on test. `training_codons.safetensors` holds the codon usage of (some) training rows, which
shows whether a new sequence is unlike all of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from seqfuse.bio.codon_usage import counted
from seqfuse.bio.frames import METHIONINE
from seqfuse.codons.inputs.dataset import Dataset, OneHot
from seqfuse.codons.scores import resampled
from seqfuse.errors import UserError
from seqfuse.files import atomic, read_json, write_json
from seqfuse.registry.metrics import METRICS
from seqfuse.statistics import inference, jackknife

_FACTS, _CODONS = "arm.json", "training_codons.safetensors"
CONFIDENCE = 0.95
# The number of training rows whose codon usage is kept, at 256 bytes each.
_KEPT = 2000
# A sequence is unlike the training rows if its codon usage is further from the nearest of them than
# for 99 % of the val and test rows.
_USUAL = 0.99


@dataclass(frozen=True)
class Facts:
    """Facts about the training rows: minimum and maximum of their `codons` and `values`, counts of
    their `labels`, and `starts`, the share that begins with a start codon. `usage` holds (codon,
    residue, count in the training rows) of every codon of the set. See `_USUAL` for
    `usual_distance`."""

    rows: int
    codons: tuple[int, int]
    values: tuple[float, float] | None
    labels: dict[str, int]
    starts: float
    usage: list[tuple[str, str, int]]
    usual_distance: float
    score: dict

    @property
    def score_in_words(self) -> str:
        """The score on test with its interval and its numbers of rows, clusters and seeds."""
        score = self.score
        interval = f"[{score['low']:.3f}, {score['high']:.3f}]"
        if not np.isfinite(score["low"]):
            interval = "no interval: too few clusters"
        title = METRICS[score["metric"]].title
        return (
            f"{title} {score['value']:.3f} {interval} on {score['rows']} test sequences"
            f" ({score['clusters']} clusters, {score['seeds']} seed{'s' * (score['seeds'] > 1)})"
        )


def write(
    folder: Path, dataset: Dataset, predicted: Sequence[np.ndarray], cluster: np.ndarray
) -> Facts:
    """Write both files of a trained arm; `predicted` is each seed's predictions [n, outputs] for
    the test rows, and `cluster` [n] says which of these are one sample."""
    train = dataset.rows("train")
    held_out = np.concatenate([dataset.rows(split) for split in ("val", "test")])
    usage = root_usage([dataset.frames["dna"][row] for row in kept(train)])
    near = distances(root_usage([dataset.frames["dna"][row] for row in held_out]), usage)
    target, codons = dataset.target[train], dataset.codons[train]
    counts = Counter(dataset.labels[label] for label in target) if dataset.labels else {}
    facts = Facts(
        len(train),
        (int(codons.min()), int(codons.max())),
        None if dataset.labels else (float(target.min()), float(target.max())),
        dict(counts),
        float(np.mean([dataset.frames["protein"][row].startswith(METHIONINE) for row in train])),
        counted(dataset.frames["dna"], dataset.frames["protein"], train.tolist()),
        float(np.quantile(near, _USUAL)),
        _score(dataset, predicted, cluster),
    )
    write_json(folder / _FACTS, asdict(facts))
    with atomic(folder / _CODONS) as temporary:
        temporary.write_bytes(safetensors.save({"root_usage": usage}))
    return facts


def read(folder: Path) -> tuple[Facts, np.ndarray]:
    """The facts in an arm's folder, and the codon usage of its training rows, float32 [n, 65].

    Raises `UserError` if a file is missing or cannot be read."""
    if not (folder / _FACTS).is_file():
        raise UserError(f"{folder}: no {_FACTS}; run `seqfuse codons card` for this arm first")
    facts = read_json(folder / _FACTS)
    try:
        return Facts(**facts), safetensors.load_file(folder / _CODONS)["root_usage"]
    except (TypeError, KeyError, OSError, SafetensorError):
        raise UserError(
            f"{folder}: its {_FACTS} or {_CODONS} is cut or of another version; copy the folder"
            " again, or run `seqfuse codons card` for this arm"
        ) from None


def root_usage(sequences: Sequence[str]) -> np.ndarray:
    """The square root of each codon's share of a sequence, float32 [n, 65] (order of `OneHot`)."""
    shares = np.zeros((len(sequences), OneHot.width), np.float32)
    for row, sequence in enumerate(sequences):
        counts = np.bincount(OneHot.indices(sequence), minlength=OneHot.width)
        shares[row] = np.sqrt(counts / counts.sum())
    return shares


def distances(usage: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The Hellinger distance [n] of each row of `usage` to the nearest of `others`: 0 for equal
    usage, 1 if no codon is shared. Both are `root_usage`."""
    return np.sqrt(np.clip(1 - (usage @ others.T).max(1), 0, 1))


def kept(rows: np.ndarray) -> np.ndarray:
    """The training rows whose usage is kept: all, or `_KEPT` drawn at random."""
    drawn = np.random.default_rng(0).permutation(len(rows))[:_KEPT]
    return rows[np.sort(drawn)]


def _score(dataset: Dataset, predicted: Sequence[np.ndarray], cluster: np.ndarray) -> dict:
    """The mean over seeds on test with its interval, computed as by the evaluation."""
    target = dataset.target[dataset.rows("test")]

    def by_seed(counts: np.ndarray) -> np.ndarray:
        return np.stack([resampled(one, target, counts) for one in predicted])

    alone = by_seed(np.ones((1, len(target))))[:, 0]
    names = ("codons", dataset.name, dataset.name)
    estimate = jackknife.estimate(lambda counts: by_seed(counts).mean(0), alone, cluster, *names)
    metric = "accuracy" if dataset.labels else "spearman"
    low, high = inference.interval(estimate, METRICS[metric].ends, CONFIDENCE)
    return {
        "metric": metric,
        "value": float(estimate.value),
        "low": float(low),
        "high": float(high),
        "rows": len(target),
        "clusters": estimate.clusters,
        "seeds": len(predicted),
    }
