"""From token ids to a backbone's input, and from its hidden states to logits, where layouts differ.

A method puts rows of its own beside those of the backbone's tables, so it computes both ends
itself: Gemma multiplies the rows of its embedding table, Gemma 2 bends logits, Granite divides
them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqfuse.registry.layouts import DECODERS

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class Projection:
    """Logits of a product of hidden states and output table: cap tanh(product / (divisor cap)),
    or product / divisor without a cap."""

    divisor: float = 1.0
    cap: float | None = None

    @classmethod
    def of(cls, config: "PretrainedConfig") -> "Projection":
        """That of a backbone."""
        keys = DECODERS[config.model_type]
        divisor = getattr(config, keys.divisor) if keys.divisor else 1.0
        return cls(divisor, getattr(config, keys.cap) if keys.cap else None)

    def divided(self, hidden: Tensor) -> Tensor:
        """Hidden states whose products need no division."""
        return hidden if self.divisor == 1 else hidden / self.divisor

    def capped(self, products: Tensor) -> Tensor:
        """Logits of products of divided hidden states."""
        return products if self.cap is None else torch.tanh(products / self.cap) * self.cap


def embedding_scale(table: nn.Embedding) -> float:
    """What a backbone multiplies the rows of its embedding table by."""
    return 1.0 if type(table) is nn.Embedding else table.scalar_embed_scale
