"""Concatenation codon by codon, BioLangFusion section 2 (arXiv 2506.08936)."""

import torch
from torch import Tensor, nn

from seqfuse.codons.fusions.fusion import Fused, projection


class Concat(nn.Module):
    """Z = tanh(W [MLP(x_DNA) | x_RNA | x_protein] + b), for every codon.

    The paper's head reads the concatenation directly. Here a projection to the shared width follows
    first, so that every arm has the same head. An arm with two modalities leaves out the third.
    """

    def __init__(self, widths: dict[str, int], width: int):
        super().__init__()
        if "dna" in widths:
            self.dna = nn.Sequential(projection(widths["dna"], width), nn.Linear(width, width))
        joined = sum(width if view == "dna" else size for view, size in widths.items())
        self.project = projection(joined, width)

    def forward(self, views: dict[str, Tensor], mask_BC: Tensor) -> Fused:
        parts = [self.dna(x) if view == "dna" else x for view, x in views.items()]
        return Fused(self.project(torch.cat(parts, dim=-1)) * mask_BC[..., None])
