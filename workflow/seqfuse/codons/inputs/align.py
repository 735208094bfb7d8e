"""Codon alignment by spans: where the tokens of an encoder lie in the codons of a sequence.

Codon c is the nucleotides [3c, 3c + 3). Each stored token has a span of nucleotides (of residues
for a protein, where residue c is codon c), so nothing here counts tokens: a tail of single bases,
an N that shifts the phase of the 6-mers behind it, or any length give an exact placement. Special
tokens are not stored and have no place.

Two ways from tokens to codons:

- `Average`: a codon is the mean of the tokens over it, weighted by shared nucleotides. This is the
  paper's average pooling (3, 3) for RNA, the identity for protein, and repetition for 6-mers.
- `Transposed`: BioLangFusion's learned upsampling of DNA (arXiv 2506.08936, eq. 1: kernel 2,
  stride 2; its appendix: kernel 3, stride 2). Every token gives two outputs; they are put on the
  two halves of the token's span, and a codon is their mean weighted by shared nucleotides. The
  published convolution puts output n at codon n instead, which is 2 to 7 codons off on real
  sequences.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqfuse.codons.inputs.dataset import NUCLEOTIDES
from seqfuse.errors import UserError


class Placement(NamedTuple):
    """Which share each output of a token has in which codon: int64[n], int64[n], float32[n].

    Outputs of one sequence are numbered through, `parts` to a token; a codon's shares sum to 1.
    `direct` says that each output is a codon of its own, in order, with nothing shared.
    """

    codons: np.ndarray
    outputs: np.ndarray
    shares: np.ndarray
    direct: bool


def place(spans: np.ndarray, codons: int, parts: int = 1) -> Placement:
    """Place the `parts` equal pieces of every span int[T, 2] (nucleotides) on `codons` codons.

    Nucleotides behind the last codon are left out. A codon without any token is a `UserError`.
    """
    # In units of 1 / parts nucleotide every border is a whole number.
    start, width = spans[:, :1].astype(np.int64), np.diff(spans.astype(np.int64), axis=1)
    cuts = start * parts + width * np.arange(parts + 1)
    left, right = cuts[:, :-1].ravel(), cuts[:, 1:].ravel()
    codon = NUCLEOTIDES * parts
    touched = np.where(right > left, -(-right // codon) - left // codon, 0)
    output = np.repeat(np.arange(len(left)), touched)
    place_in_output = np.arange(len(output)) - np.repeat(np.cumsum(touched) - touched, touched)
    cell = left[output] // codon + place_in_output
    kept = cell < codons
    output, cell = output[kept], cell[kept]
    shared = np.minimum(right[output], (cell + 1) * codon) - np.maximum(left[output], cell * codon)
    covered = np.bincount(cell, weights=shared, minlength=codons)
    if not covered.all():
        raise UserError(f"codon {int(np.argmin(covered))} of {codons} has no token over it")
    shares = (shared / covered[cell]).astype(np.float32)
    direct = np.array_equal(output, np.arange(len(left))) and bool((shares == 1).all())
    return Placement(cell, output, shares, direct)


def place_in_order(tokens: int, codons: int) -> Placement:
    """Token n at codon n, whatever it covers: what happens without alignment."""
    kept = np.arange(min(tokens, codons))
    return Placement(kept, kept, np.ones(len(kept), np.float32), len(kept) == tokens)


class Packed(NamedTuple):
    """The tokens of one modality of a batch, sequence behind sequence without padding.

    `tokens` float[N, D], or token ids int64[N] for an encoder inside the model; `first` bool[N]
    marks the first token of each sequence. `cells` int64[n] are positions in the padded [B * C]
    codons of the batch, `outputs` int64[n] count through all tokens of the batch, `shares` float[n]
    are as in `Placement`. `direct` says that every
    output has one codon for itself, in order.
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
        """Codons [cells, D] from tokens [N, D]; a cell that is padding stays 0."""
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
        """Codons [cells, D] from tokens [N, D]; a cell that is padding stays 0."""
        given = tokens_ND.shape[1]
        outputs = functional.linear(tokens_ND, self.taps[:2].flatten(0, 1), self.bias.repeat(2))
        if len(self.taps) == 3:
            before = tokens_ND.roll(1, dims=0).masked_fill(packed.first[:, None], 0.0)
            outputs = outputs + functional.pad(before @ self.taps[2].T, (0, given))
        return _put(packed, outputs.view(-1, given), cells)


def _put(packed: Packed, outputs_ND: Tensor, cells: int) -> Tensor:
    """The shares of outputs, summed into their cells."""
    placed = outputs_ND
    if not packed.direct:
        placed = outputs_ND[packed.outputs] * packed.shares[:, None].to(outputs_ND.dtype)
    return placed.new_zeros(cells, placed.shape[1]).index_add_(0, packed.cells, placed)
