"""What a training took, and the log of its steps: as every study writes them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from torch import nn

from seqfuse.training.device import peak_memory_mb


class Counted(Protocol):
    """What the progress of any training counts."""

    examples: int
    tokens: int
    flops: int
    seconds: float


def trained_parameters(model: nn.Module) -> int:
    """Parameters that training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def total_parameters(model: nn.Module) -> int:
    """Parameters of the model, frozen ones included."""
    return sum(p.numel() for p in model.parameters())


def cost(seed: int, model: nn.Module, rate: float, progress: Counted, **more: object) -> dict:
    """The entry of one seed in cost.json, with `more` that only its study has."""
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
    """One JSON object a line."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
