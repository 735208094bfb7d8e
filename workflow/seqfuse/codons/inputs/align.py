"""From the tokens of an encoder to codons, by the tokens' positions (`placement`).

Two ways:

- `Average`: a codon is the mean of the tokens over it, weighted by shared nucleotides. This is the
  paper's average pooling (3, 3) for RNA, the identity for protein, and repetition for 6-mers.
- `Transposed`: BioLangFusion's learned upsampling of DNA (arXiv 2506.08936, eq. 1: kernel 2,
  stride 2; its appendix: kernel 3, stride 2). Every token gives two outputs, one for each half of
  its span, and a codon is their mean weighted by shared nucleotides. The published convolution puts
  output n at codon n instead, which is 2 to 7 codons off on real sequences.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Packed(NamedTuple):
    """The tokens of one modality of a batch, sequences concatenated without padding.

    `tokens` float[N, D], or token ids int64[N] for an encoder inside the model; `first` bool[N]
    marks the first token of each sequence. `cells` int64[n] are positions in the padded [B * C]
    codons of the batch, `outputs` int64[n] are numbered over all tokens of the batch, `shares`
    float[n] are as in `Placement`. `direct` says that each output is exactly one codon, in order.
    """

    tokens: Tensor
    first: Tensor
    cells: Tensor
    outputs: Tensor
    shares: Tensor
    direct: bool = False


class Average(nn.Module):
    """A codon is the mean of its tokens, weighted by the nucleotides that they share with it."""

    parts = 1

    def forward(self, packed: Packed, tokens_ND: Tensor, cells: int) -> Tensor:
        """Codons [cells, D] from tokens [N, D]; padding cells stay 0."""
        return _put(packed, tokens_ND, cells)


class Transposed(nn.Module):
    """A transposed convolution of stride 2 over tokens, its outputs placed by spans.

    Output 0 of token t is W0 x_t + W2 x_(t-1) + b (W2 with kernel 3 only, and 0 before the first
    token), output 1 is W1 x_t + b. W0 and W1 start as the identity and W2 as 0, so that training
    starts from repetition.
    """

    parts = 2

    def __init__(self, width: int, kernel: int):
        super().__init__()
        self.taps = nn.Parameter(torch.zeros(kernel, width, width))
        self.bias = nn.Parameter(torch.zeros(width))
        with torch.no_grad():
            self.taps[:2] += torch.eye(width)

    def forward(self, packed: Packed, tokens_ND: Tensor, cells: int) -> Tensor:
        """Codons [cells, D] from tokens [N, D]; padding cells stay 0."""
        given = tokens_ND.shape[1]
        outputs = functional.linear(tokens_ND, self.taps[:2].flatten(0, 1), self.bias.repeat(2))
        if len(self.taps) == 3:
            before = tokens_ND.roll(1, dims=0).masked_fill(packed.first[:, None], 0.0)
            outputs = outputs + functional.pad(before @ self.taps[2].T, (0, given))
        return _put(packed, outputs.view(-1, given), cells)


def _put(packed: Packed, outputs_ND: Tensor, cells: int) -> Tensor:
    """Outputs weighted by their shares and summed into their cells."""
    placed = outputs_ND
    if not packed.direct:
        placed = outputs_ND[packed.outputs] * packed.shares[:, None].to(outputs_ND.dtype)
    return placed.new_zeros(cells, placed.shape[1]).index_add_(0, packed.cells, placed)
