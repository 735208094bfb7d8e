"""How layouts differ in scaling input embeddings and output logits.

A method may add rows to the backbone's tables, so it computes both ends itself: Gemma multiplies
input embeddings by a constant, Gemma 2 caps logits with tanh, Granite divides them.
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
    """From the product of hidden states and output table to logits: product / divisor or, with a
    cap, cap tanh(product / (divisor cap))."""

    divisor: float = 1.0
    cap: float | None = None

    @classmethod
    def of(cls, config: "PretrainedConfig") -> "Projection":
        """The projection of a backbone."""
        keys = DECODERS[config.model_type]
        divisor = getattr(config, keys.divisor) if keys.divisor else 1.0
        return cls(divisor, getattr(config, keys.cap) if keys.cap else None)

    def divided(self, hidden: Tensor) -> Tensor:
        """Hidden states, divided so that their products need no division."""
        return hidden if self.divisor == 1 else hidden / self.divisor

    def capped(self, products: Tensor) -> Tensor:
        """Logits from the products of divided hidden states."""
        return products if self.cap is None else torch.tanh(products / self.cap) * self.cap


def embedding_scale(table: nn.Embedding) -> float:
    """The factor by which a backbone multiplies the rows of its embedding table."""
    return 1.0 if type(table) is nn.Embedding else table.scalar_embed_scale
