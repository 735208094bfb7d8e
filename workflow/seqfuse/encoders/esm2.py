"""ESM-2 (Lin et al. 2023), in plain torch: pre-norm blocks, rotary positions, a tied head.

Not from transformers, which takes four seconds to import, rounds the rotation to float32 even in
float64, and keeps one set of frequencies where the published checkpoints keep one a layer.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.encoders.encoder import Encoder
from seqfuse.encoders.layers import RotarySelfAttention, Unused, contact_head, embedding
from seqfuse.encoders.nucleotide_transformer import UntiedHead
from seqfuse.encoders.tokenisers import EsmTokeniser

# The share of tokens that pre-training replaced by <mask>: 15 % chosen, 80 % of them masked.
_MASKED = 0.15 * 0.8


class Esm2(Encoder):
    """Protein, one token a residue; the published models have 8 million to 15 billion weights."""

    layout = "esm2"
    modality = "protein"
    tied = {"lm_head.decoder.weight": "esm.embeddings.word_embeddings.weight"}
    # A range of integers that old releases of transformers stored.
    ignored = frozenset({"esm.embeddings.position_ids"})

    def __init__(self, config: dict, tokeniser: EsmTokeniser):
        width, depth = config["hidden_size"], config["num_hidden_layers"]
        heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
        vocabulary, positions = config["vocab_size"], config["max_position_embeddings"]
        tokeniser.check_size(vocabulary)
        limit = min(tokeniser.max_length or positions, positions - 2)
        super().__init__(config, tokeniser, width, depth, heads, limit)
        self.mask_token = config["mask_token_id"] if config["token_dropout"] else None
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
        self.lm_head.decoder.weight = self.esm["embeddings"]["word_embeddings"].weight

    @classmethod
    def recognises(cls, config: dict) -> bool:
        rotary = config.get("position_embedding_type") == "rotary"
        return config.get("model_type") == "esm" and rotary and "add_bias_fnn" not in config

    @classmethod
    def read_tokeniser(cls, folder: Path) -> EsmTokeniser:
        return EsmTokeniser.read(folder)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.esm["embeddings"]["word_embeddings"](ids)
        if self.mask_token is not None:
            # "Token dropout": what is masked is 0, and the rest as large as in pre-training.
            masked = ids == self.mask_token
            share = masked.sum(-1).float() / mask.sum(-1)
            kept = hidden.masked_fill(masked[..., None], 0.0)
            hidden = (kept * (1 - _MASKED) / (1 - share)[:, None, None]).to(hidden.dtype)
        return hidden * mask[..., None]

    def blocks(self) -> Sequence[nn.Module]:
        return self.esm["encoder"]["layer"]

    def normalise(self, hidden: Tensor) -> Tensor:
        return self.esm["encoder"]["emb_layer_norm_after"](hidden)

    def predict(self, hidden: Tensor) -> Tensor:
        return self.lm_head(hidden)


class Block(nn.Module):
    """One pre-norm block: rotary self-attention, then two linear layers with GELU between."""

    def __init__(self, width: int, heads: int, inner: int, eps: float):
        super().__init__()
        attention = {
            "self": RotarySelfAttention(width, heads),
            "output": nn.ModuleDict({"dense": nn.Linear(width, width)}),
            "LayerNorm": nn.LayerNorm(width, eps),
        }
        self.attention = nn.ModuleDict(attention)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width)})
        self.LayerNorm = nn.LayerNorm(width, eps)

    def forward(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        attended = self.attention["self"](self.attention["LayerNorm"](hidden), keys)
        hidden = hidden + self.attention["output"]["dense"](attended)
        inner = F.gelu(self.intermediate["dense"](self.LayerNorm(hidden)))
        return hidden + self.output["dense"](inner)
