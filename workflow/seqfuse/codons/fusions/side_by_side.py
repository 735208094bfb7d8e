"""Nothing fused: the states of the modalities side by side, codon by codon."""

import torch
from torch import Tensor, nn

from seqfuse.codons.fusions.fusion import Fused


class SideBySide(nn.Module):
    """Z = [x_DNA | x_RNA | x_protein], without parameters."""

    def __init__(self, widths: dict[str, int], width: int):
        super().__init__()

    def forward(self, views: dict[str, Tensor], mask_BC: Tensor) -> Fused:
        return Fused(torch.cat(list(views.values()), dim=-1) * mask_BC[..., None])
