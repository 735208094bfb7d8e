"""Nucleotide Transformer v2 (Dalla-Torre et al. 2024), in plain torch, without remote code.

The ESM architecture with a SwiGLU feed-forward network: pre-norm blocks, rotary positions, no
biases in the feed-forward network, an untied language-model head.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.models.layers import (
    Head,
    RotarySelfAttention,
    Unused,
    contact_head,
    embedding,
)
from seqfuse.encoders.models.tokenisers import EsmTokeniser


class NucleotideTransformerV2(Encoder):
    """DNA in 6-mers; the published models have 50 to 500 million parameters."""

    layout = "nucleotide-transformer-v2"
    modality = "dna"

    def __init__(self, config: dict, tokeniser: EsmTokeniser):
        width, depth = config["hidden_size"], config["num_hidden_layers"]
        heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
        vocabulary, positions = config["vocab_size"], config["max_position_embeddings"]
        tokeniser.check_size(vocabulary)
        super().__init__(config, tokeniser, width, depth, heads, _limit(tokeniser, positions))
        embeddings = {
            "word_embeddings": embedding(vocabulary, width),
            "position_embeddings": Unused(weight=(positions, width)),
        }
        blocks = [Block(width, heads, config["intermediate_size"], eps) for _ in range(depth)]
        encoder = {"layer": nn.ModuleList(blocks), "emb_layer_norm_after": nn.LayerNorm(width, eps)}
        self.esm = nn.ModuleDict(
            {
                "embeddings": nn.ModuleDict(embeddings),
                "encoder": nn.ModuleDict(encoder),
                "contact_head": contact_head(depth, heads),
            }
        )
        self.lm_head = UntiedHead(width, vocabulary, eps)

    @classmethod
    def recognises(cls, config: dict) -> bool:
        # The published config.json has no model_type; only the v2 models have this key.
        rotary = config.get("position_embedding_type") == "rotary"
        return config.get("add_bias_fnn") is False and rotary and not config.get("token_dropout")

    @classmethod
    def read_tokeniser(cls, folder: Path) -> EsmTokeniser:
        return EsmTokeniser.read(folder)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.esm["embeddings"]["word_embeddings"](ids) * mask[..., None]

    def blocks(self) -> Sequence[nn.Module]:
        return self.esm["encoder"]["layer"]

    def normalise(self, hidden: Tensor) -> Tensor:
        return self.esm["encoder"]["emb_layer_norm_after"](hidden)

    def predict(self, hidden: Tensor) -> Tensor:
        return self.lm_head(hidden)


class Block(nn.Module):
    """One pre-norm block: rotary self-attention, then SwiGLU (Shazeer 2020) without biases."""

    def __init__(self, width: int, heads: int, inner: int, eps: float):
        super().__init__()
        attention = {
            "self": RotarySelfAttention(width, heads),
            "output": nn.ModuleDict({"dense": nn.Linear(width, width)}),
            "LayerNorm": nn.LayerNorm(width, eps),
        }
        self.attention = nn.ModuleDict(attention)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 2 * inner, bias=False)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width, bias=False)})
        self.LayerNorm = nn.LayerNorm(width, eps)

    def forward(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        attended = self.attention["self"](self.attention["LayerNorm"](hidden), keys)
        hidden = hidden + self.attention["output"]["dense"](attended)
        gate, value = self.intermediate["dense"](self.LayerNorm(hidden)).chunk(2, dim=-1)
        return hidden + self.output["dense"](F.silu(gate) * value)


class UntiedHead(Head):
    """The head with its own projection to the vocabulary."""

    def __init__(self, width: int, vocabulary: int, eps: float):
        super().__init__(width, eps)
        self.decoder = nn.Linear(width, vocabulary, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, V]."""
        return self.decoder(self.features(hidden)) + self.bias


def _limit(tokeniser: EsmTokeniser, positions: int) -> int:
    # The first two rows of the position table, up to that of the pad, are no positions.
    return min(tokeniser.max_length or positions, positions - 2)
