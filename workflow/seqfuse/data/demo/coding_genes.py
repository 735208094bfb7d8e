"""Demo gene-text pairs for SeqCLIP by codon: coding sequences, and what their proteins are rich in.

Proteins show it as it is, DNA and mRNA through the genetic code. The texts say nothing of variants.
"""

from collections import Counter

import numpy as np

from seqfuse.data.demo.codons import CODONS
from seqfuse.data.demo.planting import balanced, distinct, splits

SIZES = {"train": 1600, "val": 100, "test": 100}
# Codons, and how many of them code for the amino acid that the text names.
LENGTH, RICH = 12, 6
NAMES = {
    "A": "alanine", "R": "arginine", "N": "asparagine", "D": "aspartate", "C": "cysteine",
    "Q": "glutamine", "E": "glutamate", "G": "glycine", "H": "histidine", "I": "isoleucine",
    "L": "leucine", "K": "lysine", "M": "methionine", "F": "phenylalanine", "P": "proline",
    "S": "serine", "T": "threonine", "W": "tryptophan", "Y": "tyrosine", "V": "valine",
}  # fmt: skip
TEXT = "This gene encodes a protein rich in {name}."

_RESIDUE = {codon: residue for residue, codons in CODONS.items() for codon in codons}


def genes(seed: int) -> list[dict]:
    """1600/100/100 pairs of 12 codons: six, at places drawn evenly, code for one amino acid, which
    the text names; the others are drawn from the other nineteen, each at most twice."""
    rng, seen = np.random.default_rng(seed), set()
    drawn = [one for size in SIZES.values() for one in balanced(rng, list(NAMES), size)]
    return [
        {"id": name, "split": split}
        | distinct(lambda residue=residue: {"sequence": _coding(rng, residue)}, seen)
        | {"text": TEXT.format(name=NAMES[residue]), "group": NAMES[residue]}
        for (split, name), residue in zip(splits(SIZES), drawn, strict=True)
    ]


def description(row: dict) -> str:
    """The text of a demo-coding-genes record, from its planted rule."""
    codons = (row["sequence"][start : start + 3] for start in range(0, 3 * LENGTH, 3))
    [(residue, _)] = Counter(map(_RESIDUE.__getitem__, codons)).most_common(1)
    return TEXT.format(name=NAMES[residue])


def _coding(rng: np.random.Generator, residue: str) -> str:
    others = [one for one in NAMES if one != residue] * 2
    residues = [*[residue] * RICH, *rng.choice(others, LENGTH - RICH, replace=False).tolist()]
    places = rng.permutation(residues).tolist()
    return "".join(CODONS[one][rng.integers(len(CODONS[one]))] for one in places)
