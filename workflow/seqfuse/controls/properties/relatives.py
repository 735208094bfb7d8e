"""Controls from the protein: its amino acids, and the most similar training record.

`outputs` are as in coding.py.
"""

from collections.abc import Sequence

import numpy as np

from seqfuse.bio import homology
from seqfuse.controls.properties.coding import CodingSet

_NUCLEOTIDES = 3


def amino_acids(proteins: Sequence[str]) -> np.ndarray:
    """Shares float64[n, 20] of the amino acids among a protein's residues."""
    counts = [[protein.count(residue) for residue in homology.RESIDUES] for protein in proteins]
    lengths = np.array([[max(1, len(protein))] for protein in proteins])
    return np.array(counts, np.float64) / lengths


def nearest(coding: CodingSet) -> np.ndarray:
    """The mean value, or the class shares, of each asked row's most similar training rows.

    These are the rows whose protein aligns best and, among rows of that protein, those that share
    the most codons. If no training protein is similar, the mean or shares of all training rows take
    their place. Class shares include the shares of all training rows as one pseudo-row, so that no
    class has probability 0.
    """
    distinct, number = np.unique(np.array(coding.proteins, object), return_inverse=True)
    known = np.zeros(len(distinct), bool)
    known[number[coding.train]] = True
    best = homology.nearest(distinct.tolist(), known)
    of_protein: dict[int, list[int]] = {}
    for row in coding.train.tolist():
        of_protein.setdefault(int(number[row]), []).append(row)
    codons = _Codons(coding.frames)
    targets = coding.target[coding.train]
    prior = np.eye(len(coding.classes))[targets].mean(0) if coding.classes else targets.mean()[None]
    outputs = np.empty((len(coding.asked), len(prior)))
    for place, row in enumerate(coding.asked.tolist()):
        relatives = codons.closest(row, of_protein.get(int(best[number[row]]), []))
        values = coding.target[relatives]
        if not coding.classes:
            outputs[place] = values.mean() if len(values) else prior
            continue
        shares = np.bincount(values, minlength=len(prior)) / max(1, len(values))
        outputs[place] = np.log((shares + prior) / (1 + bool(len(values))))
    return outputs


class _Codons:
    """The codons of every row as arrays, to be compared position by position."""

    def __init__(self, frames: Sequence[str]):
        self._of = [
            np.frombuffer(dna.encode("ascii"), f"S{_NUCLEOTIDES}", len(dna) // _NUCLEOTIDES)
            for dna in frames
        ]

    def closest(self, row: int, rows: list[int]) -> list[int]:
        """Those of `rows`, all of one protein, that share the most codons with `row`."""
        if len(rows) < 2:
            return rows
        others = np.stack([self._of[other] for other in rows])
        length = min(len(self._of[row]), others.shape[1])
        shared = (others[:, :length] == self._of[row][:length]).sum(1)
        return [other for other, count in zip(rows, shared, strict=True) if count == shared.max()]
