"""Demo set of study A on coding sequences: what a variant does to the amino acid in the middle.

The label is the kind of change: none, within the amino acid's class, or to another class. A protein
shows it directly; DNA and mRNA show it through the genetic code. The codon changes of val and test
do not occur in train, but their amino-acid changes all do: a model that memorises codons fails, and
one that reads amino acids succeeds.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from seqfuse.data.demo.codons import CODONS
from seqfuse.data.demo.planting import balanced, distinct, plant

# The number of codons, and the index of the one that the variant hits. A small language model is
# slow to find that codon: among nine, some seeds had not after 400 steps. With 1,500 records it
# memorises the contexts.
LENGTH, CENTRE = 5, 2
SIZES = {"train": 6000, "val": 150, "test": 600}
# A change within a class is conservative, one to another class radical.
CLASSES = {
    "hydrophobic": "ACFILMVWY", "polar": "NQST", "positive": "HKR", "negative": "DE",
    "special": "GP",
}  # fmt: skip
LABELS = ("synonymous", "conservative", "radical")
# The amino acids that variants hit: both have six codons, and a neighbour of every kind. The
# variant alone does not give the label: arginine is radical if it replaces leucine, but synonymous
# if it replaces arginine.
HIT = ("L", "R")
# Of the codon changes behind one amino-acid change, every third is kept from train.
_KEPT_FROM_TRAIN = 3
GENES = {f"CDS{number}": LABELS[number % 3] for number in range(1, 19)}
LOCI = tuple(f"LOC{number}" for number in range(1, 41))
GENE_QUESTION = "Gene {gene}. What does this variant do to the protein?"
SHARED_QUESTION = "Unnamed gene. What does this variant do to the protein?"

_RESIDUE = {codon: residue for residue, codons in CODONS.items() for codon in codons}
_CLASS = {residue: name for name, residues in CLASSES.items() for residue in residues}
_Change = tuple[str, str]


def variants(seed: int) -> list[dict]:
    """6000/150/600 pairs of 5 codons; the question decides the label of one half, and only the DNA
    that of the other.

    Each variant changes one nucleotide of the middle codon. question_decides: the question names
    one of 18 genes, each of which has one label; the DNA says the same. sequence_decides: all rows
    share one question. Every label is equally frequent in each half of each split. `group` is the
    gene, or one of 40 nominal loci that carry no information.
    """
    rng, seen, rows = np.random.default_rng(seed), set(), []
    for split, size in SIZES.items():
        known = changes(held_out=split != "train")
        halves = [*balanced(rng, list(GENES), size // 2), *balanced(rng, LABELS, size // 2)]
        for number, i in enumerate(rng.permutation(size), start=1):
            gene = halves[i] if i < size // 2 else None
            label = GENES[gene] if gene else halves[i]
            row = distinct(lambda label=label, known=known: _pair(rng, known[label]), seen)
            question = GENE_QUESTION.format(gene=gene) if gene else SHARED_QUESTION
            group = gene or str(rng.choice(LOCI))
            texts = {"question": question, "label": label, "group": group}
            rows.append({"id": f"{split}-{number}", "split": split} | row | texts)
    return rows


def truth(row: dict) -> str:
    """The label of a demo-coding-variants record, from its planted rule."""
    middle = slice(3 * CENTRE, 3 * CENTRE + 3)
    return consequence(row["sequence"][middle], row["variant"][middle])


def consequence(reference: str, variant: str) -> str:
    """What replacing the codon `reference` by `variant` does to the protein."""
    before, after = _RESIDUE[reference], _RESIDUE[variant]
    if before == after:
        return "synonymous"
    return "conservative" if _CLASS[before] == _CLASS[after] else "radical"


def changes(held_out: bool) -> dict[str, list[list[_Change]]]:
    """By label, the codon changes of each amino-acid change: those of train, or those kept from it.
    An amino-acid change that only one codon change makes is in neither."""
    by_label: dict[str, list[list[_Change]]] = {label: [] for label in LABELS}
    every = [pair for residue in HIT for pair in _single_nucleotide(residue)]
    by_residues = sorted(every, key=lambda pair: (_RESIDUE[pair[0]], _RESIDUE[pair[1]], *pair))
    for _, group in itertools.groupby(by_residues, lambda pair: [_RESIDUE[c] for c in pair]):
        pairs = list(group)
        kept = pairs[1::_KEPT_FROM_TRAIN]
        if kept:
            chosen = kept if held_out else [pair for pair in pairs if pair not in kept]
            by_label[consequence(*pairs[0])].append(chosen)
    return by_label


def _single_nucleotide(residue: str) -> Iterator[_Change]:
    """Every codon of an amino acid with each codon that differs from it by one nucleotide."""
    for codon in CODONS[residue]:
        for place, base in itertools.product(range(3), "ACGT"):
            other = plant(codon, base, place)
            if other != codon and other in _RESIDUE:
                yield codon, other


def _pair(rng: np.random.Generator, known: list[list[_Change]]) -> dict:
    """A random reference and its variant; first the amino-acid change is drawn uniformly, then one
    of its codon changes."""
    group = known[rng.integers(len(known))]
    before, after = group[rng.integers(len(group))]
    residues = rng.choice(sorted(CODONS), size=LENGTH)
    codons = [CODONS[one][rng.integers(len(CODONS[one]))] for one in residues.tolist()]
    codons[CENTRE] = before
    reference = "".join(codons)
    return {"sequence": reference, "variant": plant(reference, after, 3 * CENTRE)}
