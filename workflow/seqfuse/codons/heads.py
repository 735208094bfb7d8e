"""From codon states to a prediction: TextCNN, or mean-pool and MLP."""

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNELS = (3, 4, 5)


class TextCNN(nn.Module):
    """Convolutions of 3, 4 and 5 codons, ReLU, global max-pool, dropout, linear (Kim 2014).

    Only windows that lie wholly inside a sequence are pooled; a sequence shorter than 5 codons is
    filled up with zeros to 5, and every window that begins in it counts. The three kernels run as
    one convolution of width 5, the shorter ones with zero weights at their end, which is faster
    and gives the same sums.
    """

    def __init__(self, width: int, channels: int, outputs: int, dropout: float):
        super().__init__()
        self.kernels = nn.ModuleList(nn.Conv1d(width, channels, kernel) for kernel in KERNELS)
        self.drop, self.out = nn.Dropout(dropout), nn.Linear(len(KERNELS) * channels, outputs)

    def forward(self, states_BCW: Tensor, mask_BC: Tensor) -> Tensor:
        """Predictions [B, outputs]; `states_BCW` must be 0 where `mask_BC` is false."""
        longest = max(KERNELS)
        weight = torch.cat(
            [functional.pad(c.weight, (0, longest - c.kernel_size[0])) for c in self.kernels]
        )
        bias = torch.cat([conv.bias for conv in self.kernels])
        padded = functional.pad(states_BCW.transpose(1, 2), (0, longest - 1))
        found = torch.relu(functional.conv1d(padded, weight, bias))
        return self.out(self.drop((found * self._windows(mask_BC)).amax(-1)))

    def _windows(self, mask_BC: Tensor) -> Tensor:
        """Whether the window that begins at a codon counts, [B, 3 * channels, C].

        A window that does not count is set to 0, which ReLU makes the least value there is.
        """
        length = mask_BC.sum(1).clamp(min=max(KERNELS))
        start = torch.arange(mask_BC.shape[1], device=mask_BC.device)
        kernel = torch.tensor(KERNELS, device=mask_BC.device)
        inside = start + kernel[None, :, None] <= length[:, None, None]
        inside &= mask_BC[:, None, :]
        return inside.repeat_interleave(self.kernels[0].out_channels, dim=1)


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
