"""How far a training has come, and what it took: what a checkpoint holds beside tensors."""

import math
from dataclasses import dataclass, field

from torch import nn

from seqfuse.training.cost import cost
from seqfuse.training.distributed import processes


@dataclass
class Progress:
    """What a run has come to: everything but the tensors of a checkpoint.

    `flops` are those of all steps, by their tokens, from the ones of the steps that were counted.
    """

    step: int = 0
    examples: int = 0
    tokens: int = 0
    flops: int = 0
    counted_flops: int = 0
    counted_tokens: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_loss: float = math.inf
    log: list[dict] = field(default_factory=list)


def step_cost(seed: int, method: nn.Module, rate: float, progress: Progress) -> dict:
    """What training one seed took."""
    steps = {"steps": progress.step, "best_step": progress.best_step}
    return cost(seed, method, rate, progress, **steps, processes=processes.count())
