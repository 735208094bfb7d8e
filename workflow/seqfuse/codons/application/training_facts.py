"""What an arm was trained on, and what it is worth: written beside its checkpoints, read to use it.

`arm.json` holds the ranges of the training rows, how often they use each codon, and the arm's own
score on test. `training_codons.safetensors` holds the codon usage of (some) training rows, by which
a new sequence is found to be unlike all of them.
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
# Training rows whose codon usage is kept: 256 bytes each.
_KEPT = 2000
# A sequence is unlike the training rows where its codon usage is further from the nearest of them
# than that of all but a hundredth of the rows that the arm was scored on.
_USUAL = 0.99


@dataclass(frozen=True)
class Facts:
    """`codons` and `values` are the least and the most of a training row; `labels` counts their
    classes, `starts` is the share that begins with a start codon. `usage` holds (codon, residue,
    times in the training rows) of every codon of the set. `usual_distance` is as `_USUAL` says."""

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
        """The score on test with its interval, and over what."""
        found = self.score
        interval = f"[{found['low']:.3f}, {found['high']:.3f}]"
        if not np.isfinite(found["low"]):
            interval = "no interval: too few clusters"
        title = METRICS[found["metric"]].title
        return (
            f"{title} {found['value']:.3f} {interval} on {found['rows']} test sequences"
            f" ({found['clusters']} clusters, {found['seeds']} seed{'s' * (found['seeds'] > 1)})"
        )


def write(folder: Path, dataset: Dataset, said: Sequence[np.ndarray], cluster: np.ndarray) -> Facts:
    """Write both files of a trained arm; `said` is what each seed predicts [n, outputs] of the test
    rows, and `cluster` [n] which of these are one sample."""
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
        _score(dataset, said, cluster),
    )
    write_json(folder / _FACTS, asdict(facts))
    with atomic(folder / _CODONS) as temporary:
        temporary.write_bytes(safetensors.save({"root_usage": usage}))
    return facts


def read(folder: Path) -> tuple[Facts, np.ndarray]:
    """The facts of an arm's folder, and the codon usage of its training rows."""
    if not (folder / _FACTS).is_file():
        raise UserError(f"{folder}: no {_FACTS}; run `seqfuse codons card` of this arm first")
    found = read_json(folder / _FACTS)
    try:
        return Facts(**found), safetensors.load_file(folder / _CODONS)["root_usage"]
    except (TypeError, KeyError, OSError, SafetensorError):
        raise UserError(
            f"{folder}: its {_FACTS} or {_CODONS} is cut or of another version; copy the folder"
            " again, or run `seqfuse codons card` of this arm"
        ) from None


def root_usage(sequences: Sequence[str]) -> np.ndarray:
    """The root of the share of each codon in whole codons, float32 [n, 65]."""
    shares = np.zeros((len(sequences), OneHot.width), np.float32)
    for row, sequence in enumerate(sequences):
        found = np.bincount(OneHot.indices(sequence), minlength=OneHot.width)
        shares[row] = np.sqrt(found / found.sum())
    return shares


def distances(usage: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Hellinger's distance [n] of each to the nearest of the others: 0 of equal usage, 1 where no
    codon is common."""
    return np.sqrt(np.clip(1 - (usage @ others.T).max(1), 0, 1))


def kept(rows: np.ndarray) -> np.ndarray:
    """The training rows whose usage is kept: all, or `_KEPT` drawn ones."""
    drawn = np.random.default_rng(0).permutation(len(rows))[:_KEPT]
    return rows[np.sort(drawn)]


def _score(dataset: Dataset, said: Sequence[np.ndarray], cluster: np.ndarray) -> dict:
    """The mean over seeds on test with its interval, by the procedure of the evaluation."""
    target = dataset.target[dataset.rows("test")]

    def by_seed(counts: np.ndarray) -> np.ndarray:
        return np.stack([resampled(one, target, counts) for one in said])

    alone = by_seed(np.ones((1, len(target))))[:, 0]
    names = ("codons", dataset.name, dataset.name)
    found = jackknife.estimate(lambda counts: by_seed(counts).mean(0), alone, cluster, *names)
    metric = "accuracy" if dataset.labels else "spearman"
    low, high = inference.interval(found, METRICS[metric].ends, CONFIDENCE)
    return {
        "metric": metric,
        "value": float(found.value),
        "low": float(low),
        "high": float(high),
        "rows": len(target),
        "clusters": found.clusters,
        "seeds": len(said),
    }
