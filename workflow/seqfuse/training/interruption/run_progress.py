"""The progress and cost of a training, which a checkpoint holds besides tensors."""

import math
from dataclasses import dataclass, field

from torch import nn

from seqfuse.training.cost import cost
from seqfuse.training.distributed import processes


@dataclass
class Progress:
    """The progress of a run.

    `flops` is extrapolated, by tokens, from the steps whose FLOP were counted to all steps.
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
    """The cost of training one seed, for cost.json."""
    steps = {"steps": progress.step, "best_step": progress.best_step}
    return cost(seed, method, rate, progress, **steps, processes=processes.count())
