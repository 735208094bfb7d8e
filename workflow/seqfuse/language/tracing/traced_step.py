"""What a step of fine-tuning and the answers to a batch take, by the shape of a method alone.

A method is run on fake tensors (`training.live_memory`) with batches of several sizes. What it
takes is linear in the tokens of a batch, in its encoder states and in the tokens that are learnt:
the coefficients are all that is kept. Each is linear in the number of the backbone's blocks, too,
so that two shallow models tell of a deep one; but where blocks are trained whole and computed again
for their gradients, the depth is the model's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seqfuse.encoders.models import random_models, random_text_models
from seqfuse.language.answers.generation import Generation
from seqfuse.language.backbones.chat import Chat
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.methods.method import LanguageMethod, Setup
from seqfuse.language.prompts import Dna, Prompt
from seqfuse.language.tracing.coefficients import bounded, never_packed, resident, solved
from seqfuse.language.tracing.traced_encoder import encoder_traced
from seqfuse.registry.methods import METHODS
from seqfuse.training.live_memory import Taken, taken
from seqfuse.training.precision import products, round_frozen

_CPU = torch.device("cpu")
# Blocks of the backbone of the two models that are run. Where answers are read, a model of one
# block never holds what earlier blocks hand on.
_DEPTHS = {"finetune": (1, 2), "predict": (2, 3)}
_LABELS = [f"disease {number}" for number in range(10, 47)]
# Letters that the stand-in tokeniser has never seen joined: a token each.
_LETTERS = "QXZJ"


@dataclass(frozen=True)
class Size:
    """Prompts of a batch, nucleotides of reference and variant together, and tokens of question
    and reasoning."""

    rows: int
    nucleotides: int
    question: int
    reasoning: int


# At least as many as there are things that a batch takes memory by, no two of them alike: what is
# answered has no reasoning that could differ. About what a step holds at once: with far less, the
# memory of the gradients would hide that of the batch.
_SIZES = {
    "finetune": (
        Size(4, 8000, 250, 500),
        Size(4, 4800, 900, 500),
        Size(4, 8000, 250, 900),
        Size(7, 6400, 400, 600),
    ),
    "predict": (
        Size(4, 8000, 250, 0),
        Size(4, 4800, 900, 0),
        Size(2, 2400, 600, 0),
        Size(7, 6400, 400, 0),
        Size(16, 8000, 150, 0),
        Size(64, 1000, 150, 0),
    ),
}


def traced(asked: Mapping) -> dict[str, dict[str, float]]:
    """The coefficients of a request: of what is resident (parameters, trained ones, bytes), of the
    peak beyond it (bytes), and of the FLOP; see `seqfuse language trace --help`."""
    if asked["job"] in ("embed", "contrast"):
        return encoder_traced(asked)
    depths = _DEPTHS[asked["job"]]
    depth = (asked["backbone"] or {"shape": {}})["shape"].get("num_hidden_layers", depths[0])
    if not asked["lora_rank"] and asked["gradient_checkpointing"]:
        # What is kept for a block is less than its gradients, so that the peak moves with depth.
        return _of_depth(asked, depth)
    low, high = (_of_depth(asked, blocks) for blocks in depths)
    beyond = (depth - depths[0]) / (depths[1] - depths[0])
    found = {
        kind: {name: at + beyond * (high[kind][name] - at) for name, at in low[kind].items()}
        for kind in low
    }
    if asked["job"] == "predict":
        found["peak"] = {name: max(0.0, value) for name, value in found["peak"].items()}
    return found


def _of_depth(asked: Mapping, depth: int) -> dict[str, dict[str, float]]:
    """The coefficients with so many blocks."""
    batches, peaks, flops, learns = [], [], [], asked["job"] == "finetune"
    for size in _SIZES[asked["job"]]:
        method = build(asked, depth)
        held = resident(method) | {"cached": _cached(method, asked["precision"])}
        examples = encoded(method, size, learns)
        batches.append(measures(asked, examples))
        found = run(method, examples, asked)
        peaks.append(found.peak)
        flops.append(found.flops)
    return {
        "resident": held,
        "peak": (
            solved(("fixed", "tokens", "states", "answers"), batches, peaks)
            if learns
            # A batch that is padded on the left has a mask of its own for every row. The peak is
            # where a Q-former reads states, or where the backbone reads tokens.
            else bounded(("fixed", "tokens", "states", "squares"), batches, peaks)
        ),
        "flops": solved(("tokens", "squares", "states", "answers"), batches, flops),
    }


def _cached(method: nn.Module, precision: str) -> int:
    """Bytes of keys and values of a token."""
    if not isinstance(method, LanguageMethod):
        return 0
    config = method.backbone.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * (2 if precision == "bfloat16" else 4)


def measures(asked: Mapping, examples: Sequence) -> dict[str, float]:
    """What of a batch takes memory or work: tokens with their padding, the sum of squared lengths,
    the states of an encoder that the method reads or trains, and the tokens that are learnt."""
    longest = max(example.length for example in examples)
    reads = asked["encoder"] is not None
    return {
        "fixed": 1,
        "tokens": len(examples) * longest,
        "squares": len(examples) * longest**2,
        "states": sum(_tokens(dna.sequence) for e in examples for dna in e.prompt.dna) * reads,
        "answers": sum(getattr(example, "answer_tokens", 0) for example in examples),
    }


def _tokens(sequence: str) -> int:
    """Tokens of an encoder that reads 6-mers, and the rest letter by letter."""
    return len(sequence) // 6 + len(sequence) % 6


class _States:
    """Encoder states of any sequence, as the embedding store gives them: float16 [T, width]."""

    def __init__(self, width: int):
        self._width = width

    def get(self, sequence: str) -> np.ndarray:
        return np.zeros((_tokens(sequence), self._width), np.float16)


def build(asked: Mapping, depth: int) -> nn.Module:
    """The method of a request on `meta`, with so many blocks of its backbone."""
    entry, encoder = METHODS[asked["method"]], asked["encoder"]
    backbone = asked["backbone"]
    shape = (backbone or {"shape": {}})["shape"] | {"num_hidden_layers": depth}
    learns = asked["job"] == "finetune"
    width = random_models.hollow(encoder["layout"], encoder["shape"]).width if encoder else 0
    if backbone:
        layout = backbone["layout"]
        made = random_text_models.hollow(layout, random_models.sized(layout, shape))
    setup = Setup(
        backbone=Path("shape"),
        lora_rank=asked["lora_rank"] if learns else 0,
        gradient_checkpointing=learns and asked["gradient_checkpointing"],
        settings=asked["settings"],
        states=_States(width) if entry.reads_store else None,
        encoder_width=width,
        labels={"shape": _LABELS},
        load_backbone=lambda folder: made[1],
        load_chat=lambda folder: Chat(made[0], folder),
        load_encoder=lambda folder: random_models.hollow(encoder["layout"], encoder["shape"]),
    )
    with torch.device("meta"):
        method = checkpoint.build(entry.name, setup)
    if not learns:
        method.eval().requires_grad_(False)
    if asked["precision"] == "bfloat16":
        round_frozen(method)
    return method


def encoded(method: nn.Module, size: Size, learns: bool) -> list:
    """A batch of examples of this size."""
    reference = "ACGT" * (size.nucleotides // 8)
    shown = (Dna(reference), Dna(reference[:-1] + "C"))
    question, reasoning = ((_LETTERS * count)[:count] for count in (size.question, size.reasoning))
    prompt = Prompt("0", "shape", shown, question, True, reasoning, _LABELS[0])
    return [method.encode(prompt, answer=learns)] * size.rows


def run(method: nn.Module, examples: Sequence, asked: Mapping) -> Taken:
    """What the method's own step of training, or the reading of prompts, takes."""
    learns = asked["job"] == "finetune"

    def step(method: nn.Module) -> None:
        method.train()
        for _ in range(chunks(asked)):
            with products(_CPU, asked["precision"]):
                loss = method.loss(method.batch(examples))
            loss.backward()

    def read(method: nn.Module) -> None:
        with products(_CPU, asked["precision"]):
            if isinstance(method, LanguageMethod):
                Generation(method, examples)
            else:
                method(examples)

    with never_packed():
        found = taken(method, step if learns else read)
    return replace(found, flops=found.flops // chunks(asked)) if learns else found


def chunks(asked: Mapping) -> int:
    """Chunks of a step that is run.

    Gradients of a chunk are added to those of the last one: with these the peak stands where the
    backward pass begins, whatever the depth. What is frozen has none.
    """
    return 1 if asked["lora_rank"] else 2
