"""One modality alone: the projection that the fusions begin with, and nothing to fuse."""

from torch import Tensor, nn

from seqfuse.codons.fusions.fusion import Fused, projection


class Single(nn.Module):
    """H = tanh(W x + b), the fusion of a single modality."""

    def __init__(self, widths: dict[str, int], width: int):
        super().__init__()
        (self.view,) = widths
        self.project = projection(widths[self.view], width)

    def forward(self, views: dict[str, Tensor], mask_BC: Tensor) -> Fused:
        return Fused(self.project(views[self.view]) * mask_BC[..., None])
