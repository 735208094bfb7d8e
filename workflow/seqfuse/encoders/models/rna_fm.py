"""RNA-FM (Chen et al. 2022), in plain torch: an ESM-1b with learned positions over nucleotides.

Pre-norm blocks with GELU, a layer norm on the embeddings, a head tied to the embedding. There is
no published config.json; ours holds the checkpoint's arguments under their own names.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.models.layers import Head, attend, contact_head, embedding
from seqfuse.encoders.models.tokenisers import RnaFmTokeniser

# The reference uses torch's default.
_EPS = 1e-5
# The share of tokens that were masked in training: 80 % of the 15 % that were chosen.
_MASKED_IN_TRAINING = 0.15 * 0.8


class RnaFm(Encoder):
    """RNA, one token per nucleotide; the published model (t12) has 100 million parameters."""

    layout = "rna-fm"
    modality = "rna"
    tied = {"lm_head.weight": "embed_tokens.weight"}

    def __init__(self, config: dict, tokeniser: RnaFmTokeniser):
        width, depth, heads = config["embed_dim"], config["layers"], config["attention_heads"]
        positions = config["max_positions"]
        super().__init__(config, tokeniser, width, depth, heads, positions)
        inner = config["ffn_embed_dim"]
        self.token_dropout = config["token_dropout"]
        self.embed_tokens = embedding(len(tokeniser.vocabulary), width)
        # Rows 0 and 1 are for pads; the first token of a sequence has row 2.
        self.embed_positions = embedding(positions + 2, width)
        self.emb_layer_norm_before = nn.LayerNorm(width, _EPS)
        self.layers = nn.ModuleList([Block(width, heads, inner) for _ in range(depth)])
        self.emb_layer_norm_after = nn.LayerNorm(width, _EPS)
        self.contact_head = contact_head(depth, heads)
        self.lm_head = TiedHead(self.embed_tokens.weight)

    @classmethod
    def recognises(cls, config: dict) -> bool:
        return config.get("model_type") == "rna-fm"

    @classmethod
    def read_tokeniser(cls, folder: Path) -> RnaFmTokeniser:
        return RnaFmTokeniser()

    def prepare(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Drop the published prefixes, and zero the embedding of <mask>, as the reference does."""
        prepared = {}
        for name, tensor in tensors.items():
            name = name.replace("sentence_encoder.", "").replace("encoder.", "")
            if name in ("embed_tokens.weight", "lm_head.weight"):
                tensor = tensor.clone()
                tensor[self.tokeniser.index["<mask>"]] = 0
            prepared[name] = tensor
        return prepared

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        tokens = self.embed_tokens(ids)
        if self.token_dropout:
            tokens = self._drop(tokens, ids, mask)
        # Positions count only tokens, from 2; pads stay at 1.
        positions = mask.cumsum(dim=1) * mask + 1
        hidden = self.emb_layer_norm_before(tokens + self.embed_positions(positions))
        return hidden * mask[..., None]

    def blocks(self) -> Sequence[nn.Module]:
        return self.layers

    def normalise(self, hidden: Tensor) -> Tensor:
        return self.emb_layer_norm_after(hidden)

    def predict(self, hidden: Tensor) -> Tensor:
        return self.lm_head(hidden)

    def _drop(self, tokens: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Zero masked tokens and rescale the others to the share of masks in training."""
        masked = ids == self.tokeniser.index["<mask>"]
        share = masked.sum(dim=1).to(tokens.dtype) / mask.sum(dim=1)
        scale = (1 - _MASKED_IN_TRAINING) / (1 - share)
        return tokens.masked_fill(masked[..., None], 0.0) * scale[:, None, None]


class Block(nn.Module):
    """One pre-norm block: self-attention, then a GELU feed-forward network, all with biases."""

    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.heads = heads
        projections = {f"{part}_proj": nn.Linear(width, width) for part in ("k", "v", "q", "out")}
        self.self_attn = nn.ModuleDict(projections)
        self.self_attn_layer_norm = nn.LayerNorm(width, _EPS)
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width, _EPS)

    def forward(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        normed = self.self_attn_layer_norm(hidden)
        query, key, value = (self.self_attn[f"{part}_proj"](normed) for part in "qkv")
        attended = attend(query, key, value, keys, self.heads)
        hidden = hidden + self.self_attn["out_proj"](attended)
        return hidden + self.fc2(F.gelu(self.fc1(self.final_layer_norm(hidden))))


class TiedHead(Head):
    """The head whose projection to the vocabulary is the token embedding."""

    def __init__(self, weight: nn.Parameter):
        super().__init__(weight.shape[1], _EPS)
        self.weight = weight
        self.bias = nn.Parameter(torch.zeros(weight.shape[0]))

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, V]."""
        return F.linear(self.features(hidden), self.weight, self.bias)
