"""The output of every fusion, and the projection that most of them begin with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Fused:
    """Codon states [B, C, W], 0 at padding, and a weighing fusion's weights.

    `weights` [B, M] is the weight of each modality, in the arm's order; `entropy` [B] is the
    entropy (nats) of the weights that the fusion used.
    """

    states: Tensor
    weights: Tensor | None = None
    entropy: Tensor | None = None


class Bounded(nn.Module, ABC):
    """A fusion with parameters that stay between bounds."""

    @abstractmethod
    def clamp(self) -> None:
        """Move the parameters back between their bounds, after a step. If the forward pass clamped
        them instead, a parameter beyond its bound would have no gradient and never come back."""


def projection(given: int, width: int) -> nn.Sequential:
    """H = tanh(W x + b), the paper's projection of a modality to the shared width."""
    return nn.Sequential(nn.Linear(given, width), nn.Tanh())
