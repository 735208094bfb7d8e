"""The planted truth of demo-coding-variants: read where residues are shown, and by nothing else."""

from dataclasses import dataclass

import numpy as np
import pytest

from seqfuse.controls.baselines import codon_changes
from seqfuse.data.demo import generators
from seqfuse.data.demo.coding_variants import CENTRE, LABELS
from seqfuse.data.demo.codons import RESIDUES
from seqfuse.encoders.models import random_models
from seqfuse.language.answers import decoding
from seqfuse.language.methods.linear import Linear
from seqfuse.language.methods.method import Setup
from seqfuse.language.prompts import Dna, Prompt, Settings
from seqfuse.statistics import comparisons, inference
from seqfuse.training.batches import derangement
from seqfuse.training.interruption.trained_state import restore_best
from seqfuse.training.trainer import Trainer, Training

# Rows to train on and to ask about: of many more, a hundred steps see each less than once.
SEEDS, TRAINED, ASKED = (0, 1), 750, 120
RULE = comparisons.Rule(level=0.05, margin=0.05)


@dataclass(frozen=True)
class Residues:
    """The residues around the variant as one-hot states: those of a protein encoder, spared."""

    shown: dict[str, str]
    width: int = len(RESIDUES)

    def get(self, sequence: str) -> np.ndarray:
        return np.eye(self.width, dtype=np.float32)[
            np.searchsorted(RESIDUES, [*self.shown[sequence]])
        ]


def residues(sequence: str) -> str:
    """The residue that the variant hits, and one beside it."""
    middle = sequence[3 * CENTRE : 3 * CENTRE + 6]
    return "".join(
        pair[0] for [pair] in codon_changes.amino_acids([middle[:3], middle[3:]], ["NNN"] * 2, 1)
    )


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    """The records that the sequence decides, by split."""
    found = [r for r in generators.rows("coding-variants", 7) if r["question"].startswith("Unn")]
    splits = {
        split: [r for r in found if r["split"] == split] for split in ("train", "val", "test")
    }
    return splits | {"train": splits["train"][:TRAINED]}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 300}
    folder = tmp_path_factory.mktemp("qwen3")
    texts = [f"Which? Answer: {label}" for label in LABELS]
    random_models.write("qwen3", sizes | heads | {"initializer_range": 0.1}, 0, texts, folder)
    return folder


def states(rows: dict, own: bool) -> Residues:
    """The residues of each record's sequences, or those of another record of its split."""
    shown = {}
    for part in rows.values():
        givers = range(len(part)) if own else derangement(len(part))
        for row, giver in zip(part, givers, strict=True):
            for name in ("sequence", "variant"):
                shown[row[name]] = residues(part[giver][name])
    return Residues(shown)


def hits(rows, backbone, folder, own: bool, planted: bool, seed: int) -> np.ndarray:
    """Which test records a linear adapter answers right, bool[n]."""
    import torch

    labels = {split: [row["label"] for row in part] for split, part in rows.items()}
    if not planted:
        random = np.random.default_rng(1)
        labels = {split: random.permutation(part).tolist() for split, part in labels.items()}
    prompts = {
        split: [
            Prompt(
                row["id"],
                "d",
                (Dna(row["sequence"]), Dna(row["variant"])),
                "Which?",
                False,
                None,
                label,
            )
            for row, label in zip(part, labels[split], strict=True)
        ]
        for split, part in rows.items()
    }
    torch.manual_seed(seed)
    shown = states(rows, own)
    method = Linear(Setup(backbone, states=shown, encoder_width=shown.width))
    settings = Training(
        steps=100, batch=32, learning_rate=0.01, validate_every=100, checkpoint_minutes=1e9,
        label_weight=1.0, chunk_tokens=100_000,
    )  # fmt: skip
    trainer = Trainer(method, settings, seed, folder, "f")
    encoded = {s: [method.encode(p, answer=True) for p in part] for s, part in prompts.items()}
    trainer.run(encoded["train"], encoded["val"][:30])
    restore_best(method, folder, "f")
    asked = prompts["test"][:ASKED]
    said = decoding.answer(
        method.eval(), asked, {"d": list(LABELS)}, Settings(reasoning=False), lambda n: None,
        lambda key, work: work(),
    )  # fmt: skip
    best = [max(dict(answer.loglik), key=dict(answer.loglik).get) for answer in said]
    return np.array([found == prompt.label for found, prompt in zip(best, asked, strict=True)])


def estimate(found: list[np.ndarray]) -> inference.Estimate:
    """Accuracy, each record a cluster of its own."""
    mean = np.mean(found, axis=0)
    left = (mean.sum() - mean) / (len(mean) - 1)
    part = inference.Part(np.array(mean.mean()), left, len(mean))
    return inference.Estimate((part,), (np.array([one.mean() for one in found]),))


def verdict(one: list[np.ndarray], other: list[np.ndarray]) -> str:
    compared = [comparisons.compare(estimate(one), estimate(other))]
    return comparisons.judged(compared, [[0]], RULE)[0]["verdict"]


def test_fused_encoder_planted_truth_is_found_and_no_other(rows, backbone, tmp_path):
    def arm(own: bool, planted: bool) -> list[np.ndarray]:
        return [
            hits(rows, backbone, tmp_path / f"{own}{planted}{seed}", own, planted, seed)
            for seed in SEEDS
        ]

    own, other, nothing = arm(True, True), arm(False, True), arm(True, False)
    chance = [np.array([row["label"] == LABELS[0] for row in rows["test"][:ASKED]])] * 2
    assert verdict(own, other) == "better"
    assert np.mean(own) > 0.6
    assert verdict(other, chance).startswith("not significant")
    assert verdict(nothing, chance).startswith("not significant")
