"""The cost of a training and the log of its steps, as both studies write them.

FLOP are those that were executed, counted where torch calls the kernel of a matrix product:
forward, backward with or without a gradient of the weights, recomputation, and padding. They do not
measure how well a card is used; for that see MFU (`bench/gpu/steps.py`), which leaves recomputation
and padding out.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seqfuse.training.device import peak_memory_mb


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, *_, **__) -> int:
    """FLOP of two products over all queries and keys, causal or not; keys may have fewer heads."""
    *several, length, width = query
    return 2 * math.prod(several) * length * key[-2] * (width + value[-1])


def _attention_backward(
    slope: torch.Size, query: torch.Size, key: torch.Size, value: torch.Size, *_, **__
) -> int:
    """FLOP of five products: one of the forward pass again, and two for
    the gradients of each of its two products."""
    return 5 * _attention(query, key, value) // 2


def _add_product(total: torch.Size, left: torch.Size, right: torch.Size, *_, **__) -> int:
    return 2 * left[0] * left[1] * right[1]


_ATEN = torch.ops.aten
# What torch's own counter omits: CPU kernels, heads that share keys, in-place products.
_FORMULAS = {
    _ATEN.addmm_: _add_product,
    **dict.fromkeys(
        (
            _ATEN._scaled_dot_product_flash_attention,
            _ATEN._scaled_dot_product_efficient_attention,
            _ATEN._scaled_dot_product_cudnn_attention,
            _ATEN._scaled_dot_product_flash_attention_for_cpu,
        ),
        _attention,
    ),
    **dict.fromkeys(
        (
            _ATEN._scaled_dot_product_flash_attention_backward,
            _ATEN._scaled_dot_product_efficient_attention_backward,
            _ATEN._scaled_dot_product_cudnn_attention_backward,
            _ATEN._scaled_dot_product_flash_attention_for_cpu_backward,
        ),
        _attention_backward,
    ),
}


class _Whole:
    """Replaces the counter's module tracker, whose hooks keep every block's output until the end of
    the step and so would undo gradient checkpointing."""

    parents = ("Global",)

    def __enter__(self) -> "_Whole":
        return self

    def __exit__(self, *args) -> None:
        pass


def flop_counter() -> FlopCounterMode:
    """A context manager; its `get_total_flops` returns the FLOP of this process within it."""
    counter = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    counter.mod_tracker = _Whole()
    return counter


class Counted(Protocol):
    """The counts in the progress of any training."""

    examples: int
    tokens: int
    flops: int
    seconds: float


def trained_parameters(model: nn.Module) -> int:
    """The number of parameters that training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def total_parameters(model: nn.Module) -> int:
    """The number of parameters, including frozen ones."""
    return sum(p.numel() for p in model.parameters())


def cost(seed: int, model: nn.Module, rate: float, progress: Counted, **more: object) -> dict:
    """The entry of one seed in cost.json; `more` holds the fields of its study."""
    return {
        "seed": seed,
        "trained_parameters": trained_parameters(model),
        "total_parameters": total_parameters(model),
        "examples": progress.examples,
        "tokens": progress.tokens,
        "flops": progress.flops,
        "learning_rate": rate,
        "seconds": round(progress.seconds, 3),
        "peak_memory_mb": peak_memory_mb(),
        **more,
    }


def write_log(path: Path, entries: Iterable[dict]) -> None:
    """Write one JSON object per line."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
