"""Random models at the real shapes, and examples as long as those of KEGG and the NT tasks.

Lengths of KEGG: quantiles of its 1,159 training records, text at 3.2 (questions) and 4.5
(reasoning) letters a token, which puts as many over 2,048 tokens as Qwen's tokeniser does. Lengths
of the NT tasks: nucleotides of the 18 original tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from seqfuse.encoders.models import random_models, random_text_models
from seqfuse.language.backbones.chat import Chat
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.methods.examples import Example
from seqfuse.language.methods.method import LanguageMethod, Setup
from seqfuse.language.prompts import Dna, Prompt
from seqfuse.registry.methods import METHODS

# What the papers' preset says of the methods (workflow/presets/paper.yaml; a test compares them).
LORA_RANK = 8
WHOLE = ("onevocab",)
QFORMER = {
    "latents": 64,
    "blocks": 3,
    "heads": 32,
    "head_width": 128,
    "mlp_width": 11008,
    "norms": False,
}
ONEVOCAB = {"k": 6, "alphabet": "ACGTN", "initialisation": "mean"}
ONEVOCAB["trainable_parts"] = ("dna", "text", "backbone")
# Of as many digits, so that none is the likeliest for being the shortest.
LABELS = [f"disease {number}" for number in range(10, 47)]
# Tokens by share of the records; see the top.
_SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
_QUESTION = (80, 92, 124, 174, 293, 538, 882)
_REASONING = (361, 417, 457, 488, 517, 562, 673)
_NT_NUCLEOTIDES = (*[500] * 10, *[200] * 2, *[300] * 3, 400, 600, 600)
_NT_QUESTION = 40
# Letters that the stand-in tokeniser has never seen joined: a token each.
_LETTERS = list("QXZJ")


@dataclass(frozen=True)
class Shape:
    """Sizes of everything that is measured. `shrink` divides the lengths of all examples."""

    name: str
    backbone: dict
    small: dict
    encoder: dict
    qformer: dict
    shrink: int
    kegg: int
    nt: int
    prompts: int
    new_tokens: int
    genes: int
    repeats: int


_QWEN3 = {
    "vocab_size": 151_936,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    "initializer_range": 0.02,
    "tie_word_embeddings": True,
}
_TINY = {
    "vocab_size": 768,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "initializer_range": 0.1,
    "tie_word_embeddings": True,
}
_MIDDLE = _QWEN3 | {
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
}
SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            name="real",
            backbone=_QWEN3 | {"hidden_size": 2048, "intermediate_size": 6144},
            small=_QWEN3 | {"hidden_size": 1024, "intermediate_size": 3072},
            encoder={
                "hidden_size": 1024,
                "num_hidden_layers": 29,
                "num_attention_heads": 16,
                "intermediate_size": 4096,
            },
            qformer=QFORMER,
            shrink=1,
            kegg=16,
            nt=64,
            prompts=64,
            new_tokens=64,
            genes=128,
            repeats=3,
        ),
        Shape(
            name="middle",
            backbone=_MIDDLE | {"hidden_size": 256, "intermediate_size": 768},
            small=_MIDDLE | {"hidden_size": 128, "intermediate_size": 384},
            encoder={
                "hidden_size": 128,
                "num_hidden_layers": 4,
                "num_attention_heads": 4,
                "intermediate_size": 512,
            },
            qformer=QFORMER | {"latents": 16, "heads": 4},
            shrink=4,
            kegg=4,
            nt=16,
            prompts=16,
            new_tokens=16,
            genes=16,
            repeats=1,
        ),
        Shape(
            name="tiny",
            backbone=_TINY | {"hidden_size": 64, "intermediate_size": 96},
            small=_TINY | {"hidden_size": 32, "intermediate_size": 64},
            encoder={
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 32,
            },
            qformer=QFORMER
            | {"latents": 4, "blocks": 1, "heads": 4, "head_width": 16, "mlp_width": 64},
            shrink=20,
            kegg=4,
            nt=8,
            prompts=4,
            new_tokens=4,
            genes=4,
            repeats=1,
        ),
    )
}


class States:
    """Encoder states by sequence, as the embedding store gives them: float16 [T, width]."""

    def __init__(self, width: int):
        self.width = width
        self._kept: dict[str, np.ndarray] = {}

    def get(self, sequence: str) -> np.ndarray:
        """As many states as NT has 6-mers and single bases of the sequence."""
        if sequence not in self._kept:
            tokens = len(sequence) // 6 + len(sequence) % 6
            random = np.random.default_rng(len(self._kept))
            states = random.standard_normal((tokens, self.width), np.float32)
            self._kept[sequence] = states.astype(np.float16)
        return self._kept[sequence]


def build(
    name: str,
    shape: Shape,
    device: torch.device,
    *,
    small: bool = False,
    encoder: Path | None = None,
    lora: bool | None = None,
) -> LanguageMethod:
    """A method with seeded random weights, made on the device: no checkpoint is read.

    `lora` says whether the backbone is frozen behind LoRA (default: as in the papers' preset).
    """
    whole = name in WHOLE if lora is None else not lora
    config = shape.small if small else shape.backbone
    setup = Setup(
        backbone=Path("random"),
        lora_rank=0 if whole else LORA_RANK,
        gradient_checkpointing=whole,
        settings={"qformer": shape.qformer, "onevocab": ONEVOCAB}.get(name, {}),
        states=States(shape.encoder["hidden_size"]) if METHODS[name].reads_store else None,
        encoder_width=shape.encoder["hidden_size"],
        encoder=encoder if METHODS[name].trains_encoder else None,
        labels={"bench": LABELS},
        load_backbone=lambda folder: _backbone(config),
        load_chat=lambda folder: Chat(tokeniser(), folder),
    )
    torch.manual_seed(0)
    with device:
        return checkpoint.build(name, setup).to(device)


def _backbone(config: dict):
    from transformers import Qwen3Config, Qwen3ForCausalLM

    end, _, stop = tokeniser().convert_tokens_to_ids(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    )
    ids = {"bos_token_id": end, "eos_token_id": stop, "pad_token_id": end}
    return Qwen3ForCausalLM(Qwen3Config(**config, **ids))


@cache
def tokeniser():
    """A stand-in for Qwen's: its format, and letters of `_LETTERS` as a token each."""
    return random_text_models.qwen_tokeniser(
        [f"Answer: {LABELS[0]}", "Which disease follows?"], 600
    )


def write_encoder(shape: Shape, folder: Path) -> Path:
    """A folder of Nucleotide Transformer v2 with random weights."""
    folder.mkdir()
    random_models.write("nucleotide-transformer-v2", shape.encoder, 0, [], folder)
    return folder


def kegg(shape: Shape, count: int) -> list[Prompt]:
    """Prompts as long as KEGG's: reference, variant, question, reasoning, one of 37 labels."""
    random = np.random.default_rng(0)
    prompts = []
    for number in range(count):
        reference = dna(random, 4001 // shape.shrink)
        place = len(reference) // 2
        variant = reference[:place] + "ACGT"[number % 4] + reference[place + 1 :]
        question, reasoning = (
            _text(random, int(np.interp(random.uniform(), _SHARES, tokens)) // shape.shrink)
            for tokens in (_QUESTION, _REASONING)
        )
        label = LABELS[number % len(LABELS)]
        shown = (Dna(reference), Dna(variant))
        prompts.append(Prompt(str(number), "bench", shown, question, True, reasoning, label))
    return prompts


def nt(shape: Shape, count: int) -> list[Prompt]:
    """Prompts as long as those of the 18 NT tasks, as many of each: one sequence, one label."""
    random = np.random.default_rng(0)
    prompts = []
    for number in range(count):
        nucleotides = _NT_NUCLEOTIDES[number % len(_NT_NUCLEOTIDES)] // shape.shrink
        question = _text(random, _NT_QUESTION // shape.shrink)
        shown = (Dna(dna(random, nucleotides)),)
        prompts.append(Prompt(str(number), "bench", shown, question, False, None, LABELS[0]))
    return prompts


def encode(method, prompts: Sequence[Prompt], answer: bool = True) -> list:
    """Examples of a method; tokens of the text are drawn from the whole vocabulary, because a few
    rows of a table would stay in a cache."""
    random = np.random.default_rng(0)
    return [_spread(method, random, method.encode(prompt, answer)) for prompt in prompts]


def _spread(method, random: np.random.Generator, example):
    if not isinstance(example, Example):
        return example
    slots = np.zeros(example.length, bool)
    for slot in example.slots:
        slots[slot.start : slot.start + slot.length] = True
    rows = method.backbone.config.vocab_size
    text = ~slots & (example.ids < rows)
    return replace(example, ids=np.where(text, random.integers(0, rows, len(text)), example.ids))


def dna(random: np.random.Generator, length: int) -> str:
    """Random nucleotides."""
    return "".join(random.choice(list("ACGT"), length))


def _text(random: np.random.Generator, tokens: int) -> str:
    return "".join(random.choice(_LETTERS, tokens))
