"""The peak memory of a step of fine-tuning: computed, and taken by a process.

Computed: as `seqfuse rehearse` does, from the coefficients of the method's own step on fake
tensors. Measured: the high-water mark of a new process that makes two such steps, each of as many
chunks as assumed, less what its imports took. Every method of the papers and their controls, in a
small language model, on prompts of a third of KEGG's nucleotides.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from bench.measure import Setting, apart, result
from seqfuse.language.answers.generation import Generation
from seqfuse.language.methods.method import LanguageMethod
from seqfuse.language.tracing import traced_step
from seqfuse.language.tracing.traced_step import Size
from seqfuse.plan.rehearsal.answering import cached_beyond
from seqfuse.registry.methods import METHODS

# Prompts of a step, their lengths, and tokens of an answer.
SIZE = Size(rows=4, nucleotides=2400, question=500, reasoning=200)
SAID = 200
BACKBONE = {
    "vocab_size": 40_000,
    "hidden_size": 384,
    "intermediate_size": 1152,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
ENCODER = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 512,
}
_OWN = {
    "qformer": {
        **{"latents": 16, "blocks": 3, "heads": 4, "head_width": 64},
        **{"mlp_width": 1024, "norms": False},
    },
    "onevocab": {
        **{"k": 6, "alphabet": "ACGTN", "initialisation": "mean"},
        "trainable_parts": ["dna", "text", "backbone"],
    },
}
_TINY = {"vocab_size": 1000, "hidden_size": 32, "intermediate_size": 32}
# What a fused encoder takes is not computed.
SIZED = [name for name, method in METHODS.items() if not method.trains_fusion]
# glibc keeps smaller blocks for later, which would count as the step's own.
_MMAP = {"MALLOC_MMAP_THRESHOLD_": "65536"}


def asked(name: str, checkpointing: bool = False) -> dict:
    """What `seqfuse rehearse` asks of a method at these shapes: OneVocab whole, the others with
    LoRA."""
    entry = METHODS[name]
    reads = entry.reads_store or entry.trains_encoder
    return {
        "job": "finetune",
        "method": name,
        "backbone": {"layout": "qwen3", "shape": BACKBONE},
        "encoder": {"layout": "nucleotide-transformer-v2", "shape": ENCODER} if reads else None,
        "lora_rank": 0 if name == "onevocab" else 8,
        "gradient_checkpointing": checkpointing,
        "precision": "float32",
        "settings": _OWN.get(name, {}),
    }


def answered(name: str) -> dict:
    """Computed and measured megabytes of a method that answers prompts, and their ratio."""
    return _held(asked(name) | {"job": "predict", "lora_rank": 0}, _answers, _say)


def _answers(request: dict) -> float:
    """Bytes at the peak of answering."""
    coefficients = traced_step.traced(request)
    method = traced_step.build(request, BACKBONE["num_hidden_layers"])
    batch = traced_step.measures(request, traced_step.encoded(method, SIZE, learns=False))
    peak = sum(coefficients["peak"].get(key, 0) * value for key, value in batch.items())
    prompt = batch["tokens"] / SIZE.rows
    cached = coefficients["resident"]["cached"] * SIZE.rows * cached_beyond("cpu", prompt, SAID)
    return coefficients["resident"]["bytes"] + max(0.0, peak + cached)


def _say(request: dict, blocks: int, size: Size) -> None:
    method = _filled(traced_step.build(request, blocks)).eval()
    examples = traced_step.encoded(method, size, learns=False)
    # A batch of one length has no mask; those that a run answers have.
    shorter = replace(size, question=size.question - 1)
    examples[0] = traced_step.encoded(method, shorter, learns=False)[0]
    if isinstance(method, LanguageMethod):
        Generation(method, examples).run(SAID)
    else:
        method(examples)


def peak_memory(setting: Setting) -> dict:
    """Computed and measured megabytes of every method, in the order of the registry; the ratio is
    that of the worst."""
    table = [compared(name) for name in SIZED]
    worst = max(table, key=lambda row: abs(row["of"] - 1))
    pair = worst["computed"], worst["measured"]
    return result("peak_memory", *pair, "MB", 0, rows=SIZE.rows, table=table)


MEASURES = [peak_memory]


def compared(name: str, checkpointing: bool = False) -> dict:
    """Computed and measured megabytes of one method, and their ratio."""
    return _held(asked(name, checkpointing), _computed, _steps)


def _held(request: dict, computed: Callable, work: Callable) -> dict:
    """Megabytes of a request, computed and taken by its `work`, and their ratio."""
    os.environ.update(_MMAP)
    (_, measured), (_, expected) = apart(_measured, request, work), apart(computed, request)
    return {"computed": expected / 1e6, "measured": measured / 1e6, "of": expected / measured}


def _computed(request: dict) -> float:
    """Bytes at the peak of a step that has the optimiser's moments."""
    coefficients = traced_step.traced(request)
    method = traced_step.build(request, BACKBONE["num_hidden_layers"])
    batch = traced_step.measures(request, traced_step.encoded(method, SIZE, learns=True))
    peak = sum(value * batch[key] for key, value in coefficients["peak"].items())
    trained = 4 * coefficients["resident"]["trained"]
    return coefficients["resident"]["bytes"] + 2 * trained + max(peak, trained)


def _measured(request: dict, work: Callable) -> int:
    """Bytes that `work` takes at most in this process, above what it has taken before: a tiny one
    loads what the first one of any size does."""
    tiny = BACKBONE | _TINY
    work(request | {"backbone": {"layout": "qwen3", "shape": tiny}}, 1, Size(1, 80, 8, 8))
    before = _high_water()
    work(request, BACKBONE["num_hidden_layers"], SIZE)
    return _high_water() - before


def _steps(request: dict, blocks: int, size: Size) -> None:
    method = traced_step.build(request, blocks)
    examples = traced_step.encoded(method, size, learns=True)
    method = _filled(method).train()
    trained = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-6, fused=True)
    for _ in range(2):
        for _ in range(traced_step.chunks(request)):
            method.loss(method.batch(examples)).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def _filled(method: nn.Module) -> nn.Module:
    one: dict[int, list[str]] = {}
    for name, parameter in method.named_parameters(remove_duplicate=False):
        one.setdefault(id(parameter), []).append(name)
    method = method.to_empty(device="cpu")
    # `to_empty` makes two of a table that is the head as well.
    for first, *others in one.values():
        for module, _, attribute in (name.rpartition(".") for name in others):
            setattr(method.get_submodule(module), attribute, method.get_parameter(first))
    for tensor in (*method.parameters(), *method.buffers()):
        tensor.data.fill_(0.01)
    return method


def _high_water() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])
