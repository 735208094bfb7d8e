"""Codon alignment by spans: which codons of a sequence each token of an encoder covers.

Codon c is the nucleotides [3c, 3c + 3). Each stored token has a span of nucleotides (of residues
for a protein, where residue c is codon c), so nothing here counts tokens: the placement is exact
for a tail of single bases, for an N that shifts the phase of the following 6-mers, and for any
length. Special tokens are not stored and have no placement.
"""

from typing import NamedTuple

import numpy as np

from seqfuse.errors import UserError

NUCLEOTIDES = 3  # a codon


class Placement(NamedTuple):
    """The shares of token outputs in codons: `codons` int64[n], `outputs` int64[n], `shares`
    float32[n].

    The outputs of a sequence are numbered consecutively, `parts` for each token; a codon's shares
    sum to 1. `direct` says that each output is exactly one codon, in order.
    """

    codons: np.ndarray
    outputs: np.ndarray
    shares: np.ndarray
    direct: bool


def place(spans: np.ndarray, codons: int, parts: int = 1) -> Placement:
    """Place the `parts` equal pieces of every span int[T, 2] (nucleotides) on `codons` codons.

    Nucleotides after the last codon are left out. Raises `UserError` for a codon without a token.
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


def align(sequence: str, **views: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """Token states of several views of one coding sequence, on its codons: {view: [C, D]}.

    Each view is (states [T, D], spans int[T, 2]): `dna` and `rna` spans are ranges of nucleotides,
    those of `protein` ranges of residues, where residue c is codon c; special tokens are left out.
    A codon is the mean of the tokens over it, weighted by shared nucleotides (arXiv 2506.08936's
    average pooling, for tokens of any length). C is len(sequence) // 3. Raises `UserError` for a
    codon without a token and for a view of another name.
    """
    codons = len(sequence) // NUCLEOTIDES
    aligned = {}
    for view, (states, spans) in views.items():
        if view not in ("dna", "rna", "protein"):
            raise UserError(f"view {view!r}: give one of dna, rna, protein")
        states, spans = np.asarray(states), np.asarray(spans)
        if spans.shape != (len(states), 2):
            raise UserError(
                f"{view}: {len(states)} states, but spans of shape {spans.shape}; give one span"
                " [start, end) for each state"
            )
        placement = place(spans * NUCLEOTIDES if view == "protein" else spans, codons)
        placed = np.zeros((codons, states.shape[1]), np.result_type(states, np.float32))
        shares = placement.shares[:, None].astype(placed.dtype)
        np.add.at(placed, placement.codons, states[placement.outputs] * shares)
        aligned[view] = placed
    return aligned


def place_in_order(tokens: int, codons: int) -> Placement:
    """Token n at codon n, whatever it covers: the placement without alignment."""
    kept = np.arange(min(tokens, codons))
    return Placement(kept, kept, np.ones(len(kept), np.float32), len(kept) == tokens)
