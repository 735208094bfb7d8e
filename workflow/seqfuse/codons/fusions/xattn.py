"""Cross-modal multi-head attention, BioLangFusion section 2 (arXiv 2506.08936, eqs. 4 and 5)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqfuse.codons.fusions.fusion import Fused, projection
from seqfuse.errors import UserError

HEADS, DROPOUT = 4, 0.1


class CrossAttention(nn.Module):
    """Every modality attends to all codons of all modalities.

    H_m = tanh(W_m x_m + b_m); C = [H_1; ...; H_M] along the sequence, M times C codons long;
    A_m = MultiHead_m(query H_m, key C, value C), with 4 heads;
    Z_m = LayerNorm_m(H_m + Dropout A_m); Z = LayerNorm(mean_m Z_m + mean_m H_m).

    Dropout is on A_m, not on the attention weights, which allows a kernel five times as fast.
    """

    def __init__(self, widths: dict[str, int], width: int):
        super().__init__()
        if width % HEADS:
            raise UserError(f"cross-attention needs a width divisible by {HEADS}, not {width}")
        self.project = nn.ModuleDict({view: projection(n, width) for view, n in widths.items()})
        self.attend = nn.ModuleDict({view: _Attention(width) for view in widths})
        self.norms = nn.ModuleDict({view: nn.LayerNorm(width) for view in widths})
        self.drop, self.norm = nn.Dropout(DROPOUT), nn.LayerNorm(width)

    def forward(self, views: dict[str, Tensor], mask_BC: Tensor) -> Fused:
        states = {view: self.project[view](x) for view, x in views.items()}
        context_BKW = torch.cat(list(states.values()), dim=1)
        mask_BK = mask_BC.repeat(1, len(states))
        attended = [
            self.norms[view](h + self.drop(self.attend[view](h, context_BKW, mask_BK)))
            for view, h in states.items()
        ]
        mean = torch.stack(attended).mean(0) + torch.stack(list(states.values())).mean(0)
        return Fused(self.norm(mean) * mask_BC[..., None])

    def maps(self, views: dict[str, Tensor], mask_BC: Tensor) -> Tensor:
        """Attention [B, M, C, M, C], the mean over heads: query modality, query codon, key
        modality, key codon."""
        states = {view: self.project[view](x) for view, x in views.items()}
        context_BKW, codons = torch.cat(list(states.values()), dim=1), mask_BC.shape[1]
        mask_BK = mask_BC.repeat(1, len(states))
        maps = [self.attend[view].map(h, context_BKW, mask_BK) for view, h in states.items()]
        return torch.stack(maps, dim=1).unflatten(-1, (len(states), codons))


class _Attention(nn.Module):
    """Scaled dot-product attention of one modality's queries over the context."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.both = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, states_BCW: Tensor, context_BKW: Tensor, mask_BK: Tensor) -> Tensor:
        query, key, value = self._split(states_BCW, context_BKW)
        mask = mask_BK[:, None, None, :]
        mixed = functional.scaled_dot_product_attention(query, key, value, mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def map(self, states_BCW: Tensor, context_BKW: Tensor, mask_BK: Tensor) -> Tensor:
        """Attention weights [B, C, K] of the queries on the context, mean over heads."""
        query, key, _ = self._split(states_BCW, context_BKW)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        return scores.masked_fill(~mask_BK[:, None, None, :], -torch.inf).softmax(-1).mean(1)

    def _split(self, states_BCW: Tensor, context_BKW: Tensor) -> list[Tensor]:
        key, value = self.both(context_BKW).chunk(2, dim=-1)
        three = (self.query(states_BCW), key, value)
        return [x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in three]
