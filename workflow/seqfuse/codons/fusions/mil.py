"""Entropy-regularised attention pooling over modalities (BioLangFusion, arXiv 2506.08936).

The modalities of a sequence are the instances of a bag (gated attention of Ilse et al. 2018).
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqfuse.codons.fusions.fusion import Bounded, Fused, projection

COLDEST, HOTTEST = 0.02, 20.0  # bounds of the learned temperature
GATE = 100  # width of both branches of the gate, at most the width of the states


class GatedMil(Bounded):
    """One weight for each modality, for the whole sequence.

    H_m = tanh(W_m x_m + b_m); h_m = mean of H_m over codons;
    s_m = w' (tanh(V_m h_m) * sigmoid(U_m h_m)); alpha = softmax(s / tau); Z = sum_m alpha_m H_m.
    Each modality has its own V and U, as in the authors' slides. The loss adds lambda times the
    entropy of alpha, so that training makes the weights decisive.
    """

    gates = "each"  # every modality has its own V and U; "one": all share them

    def __init__(self, widths: dict[str, int], width: int):
        super().__init__()
        self.project = self.projections(widths, width)
        gate, names = min(GATE, width), widths if self.gates == "each" else ["one"]
        self.content = nn.ModuleDict({name: nn.Linear(width, gate) for name in names})
        self.gate = nn.ModuleDict({name: nn.Linear(width, gate) for name in names})
        self.score = nn.Linear(gate, 1, bias=False)
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def forward(self, views: dict[str, Tensor], mask_BC: Tensor) -> Fused:
        states_BMCW = self.projected(views) * mask_BC[:, None, :, None]
        weights = self.weigh(views, states_BMCW.sum(2) / mask_BC.sum(1)[:, None, None])
        fused = torch.einsum("bm,bmcw->bcw", weights, states_BMCW)
        return Fused(fused, weights, _entropy(weights))

    def projections(self, widths: dict[str, int], width: int) -> nn.ModuleDict:
        """W_m and b_m of each modality."""
        return nn.ModuleDict({view: projection(n, width) for view, n in widths.items()})

    def projected(self, views: dict[str, Tensor]) -> Tensor:
        """H [B, M, C, W]."""
        return torch.stack([self.project[view](x) for view, x in views.items()], dim=1)

    def weigh(self, views: Iterable[str], states: Tensor) -> Tensor:
        """alpha [..., M] from states [..., M, W] of these modalities."""
        parts = []
        for view, state in zip(views, states.unbind(-2), strict=True):
            name = view if self.gates == "each" else "one"
            parts.append(
                torch.tanh(self.content[name](state)) * torch.sigmoid(self.gate[name](state))
            )
        gated = torch.stack(parts, dim=-2)
        return torch.softmax(self.score(gated).squeeze(-1) / self.log_temperature.exp(), dim=-1)

    @torch.no_grad()
    def clamp(self) -> None:
        """Move the temperature back between its bounds."""
        self.log_temperature.clamp_(math.log(COLDEST), math.log(HOTTEST))


class SharedMil(GatedMil):
    """Ablation: one projection for all modalities, the narrower ones padded with zeros."""

    def projections(self, widths: dict[str, int], width: int) -> nn.ModuleDict:
        self.given = max(widths.values())
        return nn.ModuleDict({"shared": projection(self.given, width)})

    def projected(self, views: dict[str, Tensor]) -> Tensor:
        filled = [functional.pad(x, (0, self.given - x.shape[-1])) for x in views.values()]
        return self.project["shared"](torch.stack(filled, dim=1))


class OneGateMil(GatedMil):
    """Ablation: one V and one U for all modalities."""

    gates = "one"


class TokenMil(GatedMil):
    """Ablation: weights for every codon; a sequence's weights are their mean."""

    def forward(self, views: dict[str, Tensor], mask_BC: Tensor) -> Fused:
        states_BCMW = self.projected(views).transpose(1, 2)
        weights_BCM = self.weigh(views, states_BCMW)
        fused = torch.einsum("bcm,bcmw->bcw", weights_BCM, states_BCMW) * mask_BC[..., None]
        share = mask_BC / mask_BC.sum(1, keepdim=True)
        weights = torch.einsum("bc,bcm->bm", share, weights_BCM)
        return Fused(fused, weights, (share * _entropy(weights_BCM)).sum(1))


def _entropy(weights: Tensor) -> Tensor:
    """-sum_m alpha_m log alpha_m, over the last axis (nats)."""
    return torch.special.entr(weights).sum(-1)
