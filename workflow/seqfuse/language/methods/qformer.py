"""Q-former (ChatNT, de Almeida et al. 2025): a perceiver resampler between encoder and backbone.

As in ChatNT's published code: queries are normed, keys and values are not; both attentions of a
block read the latents from before the block; there is no norm after the last block, so that the
scale of the vectors is learned.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.language.methods.examples import Batch
from seqfuse.language.methods.linear import between_markers, marker_vectors
from seqfuse.language.methods.method import LanguageMethod, Setup
from seqfuse.settings.sections import Section


class Settings(Section, path="language/qformer"):
    """Sizes of the resampler."""


class CrossAttention(nn.Module):
    """Pre-norm residual attention of latents to [context; latents before the block], with padding
    masked."""

    def __init__(self, width: int, settings: Settings):
        super().__init__()
        self.heads, inner = settings.heads, settings.heads * settings.head_width
        self.norm = nn.LayerNorm(width)
        self.context_norm = nn.LayerNorm(width) if settings.norms else nn.Identity()
        self.query = nn.Linear(width, inner)
        self.key_value = nn.Linear(width, 2 * inner)
        self.out = nn.Linear(inner, width)

    def forward(self, latents: Tensor, before: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """latents, before [B, L, W], context [B, T, W], mask bool [B, T] -> latents [B, L, W]."""
        keys = self.context_norm(torch.cat([context, before], dim=1))
        seen = F.pad(mask, (0, before.shape[1]), value=True)[:, None, None, :]
        query = self._split(self.query(self.norm(latents)))
        key, value = map(self._split, self.key_value(keys).chunk(2, dim=-1))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return latents + self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Latents attend to the DNA, then to the question, then pass a GELU MLP."""

    def __init__(self, width: int, settings: Settings):
        super().__init__()
        self.dna, self.question = CrossAttention(width, settings), CrossAttention(width, settings)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, settings.mlp_width),
            nn.GELU(),
            nn.Linear(settings.mlp_width, width),
        )

    def forward(self, latents, dna, dna_mask, question, question_mask) -> Tensor:
        """latents [B, L, W], dna [B, T, W], question [B, Q, W] -> latents [B, L, W]."""
        before = latents
        latents = self.dna(latents, before, dna, dna_mask)
        latents = self.question(latents, before, question, question_mask)
        return latents + self.mlp(latents)


class QFormer(LanguageMethod):
    """Each sequence is resampled separately into a fixed number of vectors for the backbone.

    In every block, latents attend to the projected encoder states and to the question, whose
    embeddings are rows of the backbone's own table. ChatNT: 64 latents, 3 blocks, 32 heads of 128.
    No position encoding is added to the encoder states.
    """

    def __init__(self, setup: Setup):
        super().__init__(setup)
        settings = Settings.saved(setup.settings)
        self.projection = nn.Linear(setup.encoder_width, self.width)
        self.latents = nn.Parameter(torch.randn(settings.latents, self.width) / self.width**0.5)
        self.blocks = nn.ModuleList(Block(self.width, settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(self.width) if settings.norms else nn.Identity()
        self.markers = nn.Parameter(marker_vectors(self))

    def segment(self, sequence: str) -> int:
        """One column per latent, and one for each marker."""
        return len(self.latents) + 2

    def vectors(self, batch: Batch) -> Tensor:
        """Start marker, resampled latents, stop marker for every slot."""
        slots = batch.slots()
        states, dna_mask = _padded([self.setup.states.get(slot.sequence) for _, slot in slots])
        questions = [batch.examples[row].question for row, _ in slots]
        ids, question_mask = _padded(questions)
        question = self.token_embeddings(ids.long().to(self.device))
        dna = self.projection(states.to(self.device, torch.float32))
        dna_mask, question_mask = dna_mask.to(self.device), question_mask.to(self.device)
        latents = self.latents.expand(len(slots), -1, -1)
        for block in self.blocks:
            latents = block(latents, dna, dna_mask, question, question_mask)
        return between_markers(self.markers, list(self.norm(latents)))


def _padded(arrays: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Arrays of different lengths padded with zeros, and a mask that is False at the padding."""
    lengths = torch.tensor([len(array) for array in arrays])
    padded = nn.utils.rnn.pad_sequence(
        [torch.from_numpy(array) for array in arrays], batch_first=True
    )
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]
