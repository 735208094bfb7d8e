"""From codon states to a prediction: TextCNN, or mean-pool and MLP."""

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNELS = (3, 4, 5)


class TextCNN(nn.Module):
    """Convolutions of 3, 4 and 5 codons, ReLU, global max-pool, dropout, linear (Kim 2014).

    Only windows that lie wholly inside a sequence are pooled; a sequence shorter than 5 codons is
    padded with zeros to 5, and every window that begins in it counts.
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
        """Whether the window that begins at a codon counts, for each kernel: bool [B, C, 3]."""
        length = mask_BC.sum(1).clamp(min=max(KERNELS))
        start = torch.arange(mask_BC.shape[1], device=mask_BC.device)
        kernel = torch.tensor(KERNELS, device=mask_BC.device)
        inside = start[:, None] + kernel <= length[:, None, None]
        return inside & mask_BC[..., None]


class _MaxConvolution(torch.autograd.Function):
    """The largest value [B, N] of a convolution over the windows [B, C, 3] that count.

    `weight_NWK` holds the kernels in order, the shorter ones padded with zeros, which are skipped.
    On a CPU, a sum of matrix products, one for each place in the window, takes half as long as the
    built-in convolution. A maximum has a gradient at only one window for each row and channel, so
    the backward pass visits only those windows.
    """

    @staticmethod
    def forward(ctx, padded_BPW: Tensor, weight_NWK: Tensor, windows_BCK: Tensor) -> Tensor:
        flat, weight_KWN = padded_BPW.flatten(0, 1), weight_NWK.permute(2, 1, 0)
        weight_KWN = weight_KWN.to(flat.dtype)
        sums = flat.new_empty(len(flat), weight_KWN.shape[2])
        torch.mm(flat, weight_KWN[0], out=sums)
        for place, first in enumerate(_used(weight_NWK)[1:], start=1):
            sums[:-place, first:].addmm_(flat[place:], weight_KWN[place, :, first:])
        # Windows that run into the next row begin after the last codon, and are cut off here.
        sums = sums.unflatten(0, padded_BPW.shape[:2])[:, : windows_BCK.shape[1]]
        sums.unflatten(2, (len(KERNELS), -1)).masked_fill_(~windows_BCK[..., None], -torch.inf)
        best = sums.max(1)
        ctx.save_for_backward(padded_BPW, weight_NWK, best.indices)
        return best.values

    @staticmethod
    def backward(ctx, grad_BN: Tensor) -> tuple[Tensor, Tensor, None]:
        padded_BPW, weight_NWK, begin_BN = ctx.saved_tensors
        rows, places = padded_BPW.shape[:2]
        # Under mixed precision states are bfloat16 and weights float32; sums stay in float32.
        flat = padded_BPW.flatten(0, 1).to(weight_NWK.dtype)
        into = torch.zeros_like(flat)
        begin_BN = begin_BN + places * torch.arange(rows, device=begin_BN.device)[:, None]
        weight_NKW, scale = weight_NWK.transpose(1, 2).contiguous(), grad_BN.to(flat.dtype)
        gradient_NKW = torch.zeros_like(weight_NKW)
        for place, first in enumerate(_used(weight_NWK)):
            begin, share = begin_BN[:, first:] + place, scale[:, first:]
            windows_BNW = flat.index_select(0, begin.flatten()).unflatten(0, begin.shape)
            gradient_NKW[first:, place] = torch.einsum("bn,bnw->nw", share, windows_BNW)
            given_BNW = share[..., None] * weight_NKW[first:, place]
            into.index_add_(0, begin.flatten(), given_BNW.flatten(0, 1))
        return into.view_as(padded_BPW).to(padded_BPW.dtype), gradient_NKW.transpose(1, 2), None


def _used(weight_NWK: Tensor) -> list[int]:
    """The first channel that uses each place in a window; channels before it are shorter."""
    channels = len(weight_NWK) // len(KERNELS)
    return [channels * sum(kernel <= place for kernel in KERNELS) for place in range(max(KERNELS))]


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
