"""Tiny backbones, made-up encoder states, and methods built on them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SIZES = {
    "initializer_range": 0.02,
    "vocab_size": 384,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}
TEXTS = [
    "Does the variant change the site? Answer: yes",
    "Which disease follows? The site is lost, so the gene BRCA1 is silent. Answer: anaemia",
    "Is there a promoter in the sequence? Answer: no",
]


class States:
    """Encoder states by sequence, as the embedding store gives them: float16 [T, 8]."""

    width = 8

    def get(self, sequence: str) -> np.ndarray:
        """A state for every six nucleotides or less, seeded by the sequence."""
        seed = np.frombuffer(sequence.encode(), np.uint8)
        rows = -(-len(sequence) // 6)
        return np.random.default_rng(seed).normal(size=(rows, self.width)).astype(np.float16)


def _backbone(folder: Path, **config) -> Path:
    """A scratch model with sharper weights: as drawn, it gives all tokens one probability."""
    from safetensors.torch import load_file, save_file

    from seqfuse.data import scratch

    scratch.write("qwen3", SIZES | config, 0, TEXTS, folder)
    path = folder / "model.safetensors"
    tensors = {k: v * (10 if v.ndim == 2 else 1) for k, v in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """One thread and one seed, so that every test gives the same numbers wherever it runs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def backbone(tmp_path_factory) -> Path:
    """A Qwen3 folder with tied embeddings, as Qwen3-1.7B has."""
    return _backbone(tmp_path_factory.mktemp("tied"))


@pytest.fixture(scope="session")
def untied(tmp_path_factory) -> Path:
    """A Qwen3 folder whose output table is one of its own, as Qwen3-8B has."""
    return _backbone(tmp_path_factory.mktemp("untied"), tie_word_embeddings=False)


@pytest.fixture
def build(backbone):
    """A method by name; settings that a test does not name are small."""
    from seqfuse.language.linear import Linear
    from seqfuse.language.model import Setup
    from seqfuse.language.onevocab import OneVocab
    from seqfuse.language.qformer import QFormer
    from seqfuse.language.text_only import TextOnly

    onevocab = {"k": 2, "alphabet": "ACGTN", "initialisation": "random"}
    known = {
        "linear": (Linear, {}),
        "qformer": (QFormer, {"latents": 3, "blocks": 2, "heads": 4}),
        "onevocab": (OneVocab, onevocab | {"trained": ("dna", "text", "backbone")}),
        "text_only": (TextOnly, {}),
    }

    def make(name: str, folder: Path = backbone, settings=None, seed: int = 0, **setup):
        kind, defaults = known[name]
        if settings is None:
            settings = defaults
        elif "offset" not in settings:
            settings = defaults | settings
        torch.manual_seed(seed)
        return kind(
            Setup(folder, settings=settings, states=States(), encoder_width=States.width, **setup)
        )

    return make


@pytest.fixture
def prompt():
    """A prompt from its sequences; the rest may be left out."""
    from seqfuse.language.prompts import Dna, Prompt

    def make(*sequences, question="Is it lost?", thinks=False, label="yes", reasoning=None, id="a"):
        dna = tuple(map(Dna, sequences))
        return Prompt(id, "demo", dna, question, thinks, reasoning, label)

    return make


@pytest.fixture
def record():
    """A cleaned record; what a test does not name is null."""

    def make(**columns):
        absent = dict.fromkeys(("variant", "question", "label", "reasoning"))
        return {"id": "r1", "split": "train", "sequence": "ACGT"} | absent | columns

    return make
