"""From codon states to a prediction: TextCNN, or mean-pool and MLP."""

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNELS = (3, 4, 5)


class TextCNN(nn.Module):
    """Convolutions of 3, 4 and 5 codons, ReLU, global max-pool, dropout, linear (Kim 2014).

    Only windows that lie wholly inside a sequence are pooled; a sequence shorter than 5 codons is
    filled up with zeros to 5, and every window that begins in it counts. The three kernels run as
    one convolution of width 5, the shorter ones with zero weights at their end.
    """

    def __init__(self, width: int, channels: int, outputs: int, dropout: float):
        super().__init__()
        self.kernels = nn.ModuleList(nn.Conv1d(width, channels, kernel) for kernel in KERNELS)
        self.drop, self.out = nn.Dropout(dropout), nn.Linear(len(KERNELS) * channels, outputs)

    def forward(self, states_BCW: Tensor, mask_BC: Tensor) -> Tensor:
        """Predictions [B, outputs]; `states_BCW` must be 0 where `mask_BC` is false."""
        longest = max(KERNELS)
        weight_NWK = torch.cat(
            [functional.pad(c.weight, (0, longest - c.kernel_size[0])) for c in self.kernels]
        )
        bias = torch.cat([conv.bias for conv in self.kernels])
        padded_BPW = functional.pad(states_BCW, (0, 0, 0, longest - 1))
        pooled = _MaxConvolution.apply(padded_BPW, weight_NWK, self._windows(mask_BC)) + bias
        return self.out(self.drop(torch.relu(pooled)))

    def _windows(self, mask_BC: Tensor) -> Tensor:
        """Whether the window that begins at a codon counts, [B, 3 * channels, C]."""
        length = mask_BC.sum(1).clamp(min=max(KERNELS))
        start = torch.arange(mask_BC.shape[1], device=mask_BC.device)
        kernel = torch.tensor(KERNELS, device=mask_BC.device)
        inside = start + kernel[None, :, None] <= length[:, None, None]
        inside &= mask_BC[:, None, :]
        return inside.repeat_interleave(self.kernels[0].out_channels, dim=1)


class _MaxConvolution(torch.autograd.Function):
    """The largest value [B, N] of a convolution over the windows [B, N, C] that count.

    A maximum has a gradient at one window of a row and channel and at none of the others, so the
    backward pass visits these windows alone, which takes a fraction of the convolution's own.
    """

    @staticmethod
    def forward(ctx, padded_BPW: Tensor, weight_NWK: Tensor, windows_BNC: Tensor) -> Tensor:
        found = functional.conv1d(padded_BPW.transpose(1, 2), weight_NWK)
        best = found.masked_fill_(~windows_BNC, -torch.inf).max(-1)
        ctx.save_for_backward(padded_BPW, weight_NWK, best.indices)
        return best.values

    @staticmethod
    def backward(ctx, grad_BN: Tensor) -> tuple[Tensor, Tensor, None]:
        padded_BPW, weight_NWK, begin_BN = ctx.saved_tensors
        (rows, places), kernel = padded_BPW.shape[:2], weight_NWK.shape[2]
        # Mixed precision gives states in bfloat16 and weights in float32, which sums stay in.
        flat = padded_BPW.flatten(0, 1).to(weight_NWK.dtype)
        into = torch.zeros_like(flat)
        begin_BN = begin_BN + places * torch.arange(rows, device=begin_BN.device)[:, None]
        weight_NKW, scale = weight_NWK.transpose(1, 2).contiguous(), grad_BN.to(flat.dtype)
        gradient_NKW = torch.empty_like(weight_NKW)
        for place in range(kernel):
            taken = (begin_BN + place).flatten()
            windows_BNW = flat.index_select(0, taken).unflatten(0, begin_BN.shape)
            gradient_NKW[:, place] = torch.einsum("bn,bnw->nw", scale, windows_BNW)
            into.index_add_(0, taken, (scale[..., None] * weight_NKW[:, place]).flatten(0, 1))
        return into.view_as(padded_BPW).to(padded_BPW.dtype), gradient_NKW.transpose(1, 2), None


class MeanMLP(nn.Module):
    """The mean over codons, then linear, ReLU, dropout, linear."""

    def __init__(self, width: int, channels: int, outputs: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, channels), nn.ReLU(), nn.Dropout(dropout), nn.Linear(channels, outputs)
        )

    def forward(self, states_BCW: Tensor, mask_BC: Tensor) -> Tensor:
        """Predictions [B, outputs]; `states_BCW` must be 0 where `mask_BC` is false."""
        return self.layers(states_BCW.sum(1) / mask_BC.sum(1, keepdim=True))


HEADS = {"textcnn": TextCNN, "mean": MeanMLP}
