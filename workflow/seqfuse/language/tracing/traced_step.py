"""The memory and FLOP of a fine-tuning step and of answering a batch, from a method's shape alone.

A method is run on fake tensors (`training.live_memory`) with batches of several sizes. Memory and
FLOP are linear in the tokens of a batch, its encoder states and its answer tokens, so that a few
coefficients describe them. The coefficients are linear in the number of the backbone's blocks, so
that two shallow models suffice to extrapolate to a deep one; but if blocks are trained in full with
gradient checkpointing, the model is run at its own depth.
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
# Numbers of blocks of the two models that are run. In prediction, a model of one block would not
# show the memory of the states that pass from block to block.
_DEPTHS = {"finetune": (1, 2), "predict": (2, 3)}
_LABELS = [f"disease {number}" for number in range(10, 47)]
# Letters that are one token each, because the stand-in tokeniser never merges them.
_LETTERS = "QXZJ"


@dataclass(frozen=True)
class Size:
    """The number of prompts in a batch, and per prompt the nucleotides of reference and variant
    together and the tokens of question and reasoning."""

    rows: int
    nucleotides: int
    question: int
    reasoning: int


# At least as many different sizes as there are coefficients. Prompts to be answered have no
# reasoning. Sizes are about those of a real step: with much smaller ones, the memory of the
# gradients would hide that of the batch.
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


def traced(request: Mapping) -> dict[str, dict[str, float]]:
    """The answer to a request: `resident`, and the coefficients of `peak` and `flops`; see
    `seqfuse language trace --help`."""
    if request["job"] in ("embed", "contrast"):
        return encoder_traced(request)
    depths = _DEPTHS[request["job"]]
    depth = (request["backbone"] or {"shape": {}})["shape"].get("num_hidden_layers", depths[0])
    if not request["lora_rank"] and request["gradient_checkpointing"]:
        # A block's kept input is smaller than its gradients, so the peak's place depends on depth.
        return _of_depth(request, depth)
    low, high = (_of_depth(request, blocks) for blocks in depths)
    beyond = (depth - depths[0]) / (depths[1] - depths[0])
    coefficients = {
        kind: {name: at + beyond * (high[kind][name] - at) for name, at in low[kind].items()}
        for kind in low
    }
    if request["job"] == "predict":
        peak = coefficients["peak"].items()
        coefficients["peak"] = {name: max(0.0, value) for name, value in peak}
    return coefficients


def _of_depth(request: Mapping, depth: int) -> dict[str, dict[str, float]]:
    """The coefficients of a backbone with `depth` blocks."""
    batches, peaks, flops, learns = [], [], [], request["job"] == "finetune"
    for size in _SIZES[request["job"]]:
        method = build(request, depth)
        held = resident(method) | {"cached": _cached(method, request["precision"])}
        examples = encoded(method, size, learns)
        batches.append(measures(request, examples))
        cost = run(method, examples, request)
        peaks.append(cost.peak)
        flops.append(cost.flops)
    return {
        "resident": held,
        "peak": (
            solved(("fixed", "tokens", "states", "answers"), batches, peaks)
            if learns
            # With padding on the left, every row has its own mask. The peak is reached either
            # where a Q-former reads states or where the backbone reads tokens.
            else bounded(("fixed", "tokens", "states", "squares"), batches, peaks)
        ),
        "flops": solved(("tokens", "squares", "states", "answers"), batches, flops),
    }


def _cached(method: nn.Module, precision: str) -> int:
    """Bytes of keys and values per token."""
    if not isinstance(method, LanguageMethod):
        return 0
    config = method.backbone.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * (2 if precision == "bfloat16" else 4)


def measures(request: Mapping, examples: Sequence) -> dict[str, float]:
    """The quantities of a batch that cost memory or FLOP: tokens with padding, the sum of squared
    lengths, the states of an encoder that the method reads or trains, and answer tokens."""
    longest = max(example.length for example in examples)
    reads = request["encoder"] is not None
    return {
        "fixed": 1,
        "tokens": len(examples) * longest,
        "squares": len(examples) * longest**2,
        "states": sum(_tokens(dna.sequence) for e in examples for dna in e.prompt.dna) * reads,
        "answers": sum(getattr(example, "answer_tokens", 0) for example in examples),
    }


def _tokens(sequence: str) -> int:
    """The number of tokens in 6-mers, with the remainder letter by letter."""
    return len(sequence) // 6 + len(sequence) % 6


class _States:
    """Encoder states of any sequence, like those of the embedding store: float16 [T, width]."""

    def __init__(self, width: int):
        self._width = width

    def get(self, sequence: str) -> np.ndarray:
        return np.zeros((_tokens(sequence), self._width), np.float16)


def build(request: Mapping, depth: int) -> nn.Module:
    """The method of a request on `meta`, with `depth` blocks in its backbone."""
    entry, encoder = METHODS[request["method"]], request["encoder"]
    backbone = request["backbone"]
    shape = (backbone or {"shape": {}})["shape"] | {"num_hidden_layers": depth}
    learns = request["job"] == "finetune"
    width = random_models.hollow(encoder["layout"], encoder["shape"]).width if encoder else 0
    if backbone:
        layout = backbone["layout"]
        tokeniser, model = random_text_models.hollow(layout, random_models.sized(layout, shape))
    setup = Setup(
        backbone=Path("shape"),
        lora_rank=request["lora_rank"] if learns else 0,
        gradient_checkpointing=learns and request["gradient_checkpointing"],
        settings=request["settings"],
        states=_States(width) if entry.reads_store else None,
        encoder_width=width,
        labels={"shape": _LABELS},
        load_backbone=lambda folder: model,
        load_chat=lambda folder: Chat(tokeniser, folder),
        load_encoder=lambda folder: random_models.hollow(encoder["layout"], encoder["shape"]),
    )
    with torch.device("meta"):
        method = checkpoint.build(entry.name, setup)
    if not learns:
        method.eval().requires_grad_(False)
    if request["precision"] == "bfloat16":
        round_frozen(method)
    return method


def encoded(method: nn.Module, size: Size, learns: bool) -> list:
    """A batch of examples of this size."""
    reference = "ACGT" * (size.nucleotides // 8)
    shown = (Dna(reference), Dna(reference[:-1] + "C"))
    question, reasoning = ((_LETTERS * count)[:count] for count in (size.question, size.reasoning))
    prompt = Prompt("0", "shape", shown, question, True, reasoning, _LABELS[0])
    return [method.encode(prompt, answer=learns)] * size.rows


def run(method: nn.Module, examples: Sequence, request: Mapping) -> Taken:
    """The memory and FLOP of the method's own training step, or of reading prompts."""
    learns = request["job"] == "finetune"

    def step(method: nn.Module) -> None:
        method.train()
        for _ in range(chunks(request)):
            with products(_CPU, request["precision"]):
                loss = method.loss(method.batch(examples))
            loss.backward()

    def read(method: nn.Module) -> None:
        with products(_CPU, request["precision"]):
            if isinstance(method, LanguageMethod):
                Generation(method, examples)
            else:
                method(examples)

    with never_packed():
        cost = taken(method, step if learns else read)
    return replace(cost, flops=cost.flops // chunks(request)) if learns else cost


def chunks(request: Mapping) -> int:
    """The number of chunks in a traced step.

    The second chunk starts with the gradients of the first in memory, so that the peak is at the
    start of the backward pass, whatever the depth. Frozen weights have no gradients.
    """
    return 1 if request["lora_rank"] else 2
