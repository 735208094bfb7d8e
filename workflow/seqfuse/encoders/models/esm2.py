"""ESM-2 (Lin et al. 2023), from transformers, with the rotary attention of NT-v2 in its blocks.

Embedding (with token dropout, also at inference), blocks and head are those of transformers. The
attention is our own for two reasons: transformers 5 rounds the rotation to float32 even in float64,
and it keeps one set of frequencies, while the published checkpoints have one for each layer.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from transformers.models.esm.modeling_esm import EsmConfig, EsmForMaskedLM

from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.models.layers import RotarySelfAttention, Unused, contact_head
from seqfuse.encoders.models.tokenisers import EsmTokeniser


class Esm2(Encoder):
    """Protein, one token per residue; the published models have 8 million to 15 billion weights."""

    layout = "esm2"
    modality = "protein"
    tied = {"lm_head.decoder.weight": "esm.embeddings.word_embeddings.weight"}
    # A range of integers that old releases of transformers stored.
    ignored = frozenset({"esm.embeddings.position_ids"})

    def __init__(self, config: dict, tokeniser: EsmTokeniser):
        settings = EsmConfig(**config)
        width, depth = settings.hidden_size, settings.num_hidden_layers
        heads, positions = settings.num_attention_heads, settings.max_position_embeddings
        tokeniser.check_size(settings.vocab_size)
        limit = min(tokeniser.max_length or positions, positions - 2)
        super().__init__(config, tokeniser, width, depth, heads, limit)
        model = EsmForMaskedLM(settings)
        for block in model.esm.encoder.layer:
            block.attention.self = Attention(width, heads)
        model.esm.embeddings.position_embeddings = Unused(weight=(positions, width))
        # Not stored in a checkpoint and not read with rotary positions.
        model.esm.embeddings.position_ids = None
        self.esm = nn.ModuleDict(
            {
                "embeddings": model.esm.embeddings,
                "encoder": model.esm.encoder,
                "contact_head": contact_head(depth, heads),
            }
        )
        self.lm_head = model.lm_head
        self.lm_head.decoder.weight = self.esm["embeddings"].word_embeddings.weight

    @classmethod
    def recognises(cls, config: dict) -> bool:
        rotary = config.get("position_embedding_type") == "rotary"
        return config.get("model_type") == "esm" and rotary and "add_bias_fnn" not in config

    @classmethod
    def read_tokeniser(cls, folder: Path) -> EsmTokeniser:
        return EsmTokeniser.read(folder)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.esm["embeddings"](ids, attention_mask=mask)

    def blocks(self) -> Sequence[nn.Module]:
        return self.esm["encoder"].layer

    def normalise(self, hidden: Tensor) -> Tensor:
        return self.esm["encoder"].emb_layer_norm_after(hidden)

    def predict(self, hidden: Tensor) -> Tensor:
        return self.lm_head(hidden)


class Attention(RotarySelfAttention):
    """The shared attention, with the signature that transformers' blocks expect."""

    def forward(self, hidden: Tensor, attention_mask: Tensor | None, **_: object) -> tuple:
        return super().forward(hidden, attention_mask), None
