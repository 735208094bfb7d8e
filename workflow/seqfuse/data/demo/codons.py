"""Demo sets of study B: coding sequences whose property depends on codon usage and a protein motif.

Codon usage is visible in DNA and mRNA but not in the protein; the motif is visible in the protein
and, through its codons, in the other two.
"""

import numpy as np

from seqfuse.data.demo.planting import balanced, distinct, splits

# The favoured codon of every amino acid with several; half of them end in G or C, so that the GC
# content of third positions cannot stand in for codon usage.
FAVOURED = {
    "A": "GCC", "R": "CGT", "N": "AAC", "D": "GAT", "C": "TGC", "Q": "CAA", "E": "GAG", "G": "GGT",
    "H": "CAC", "I": "ATT", "L": "CTG", "K": "AAA", "F": "TTC", "P": "CCA", "S": "TCC", "T": "ACT",
    "Y": "TAC", "V": "GTT",
}  # fmt: skip
CODONS = {
    "A": ("GCA", "GCC", "GCG", "GCT"), "R": ("AGA", "AGG", "CGA", "CGC", "CGG", "CGT"),
    "N": ("AAC", "AAT"), "D": ("GAC", "GAT"), "C": ("TGC", "TGT"), "Q": ("CAA", "CAG"),
    "E": ("GAA", "GAG"), "G": ("GGA", "GGC", "GGG", "GGT"), "H": ("CAC", "CAT"),
    "I": ("ATA", "ATC", "ATT"), "L": ("CTA", "CTC", "CTG", "CTT", "TTA", "TTG"),
    "K": ("AAA", "AAG"), "M": ("ATG",), "F": ("TTC", "TTT"), "P": ("CCA", "CCC", "CCG", "CCT"),
    "S": ("AGC", "AGT", "TCA", "TCC", "TCG", "TCT"), "T": ("ACA", "ACC", "ACG", "ACT"),
    "W": ("TGG",), "Y": ("TAC", "TAT"), "V": ("GTA", "GTC", "GTG", "GTT"),
}  # fmt: skip
STOPS = ("TAA", "TAG", "TGA")
RESIDUES = np.array(sorted(CODONS))
MOTIF, DECOY = "WCHMW", "WMHCW"  # the decoy is the motif backwards: the same residues
SIZES = {"train": 500, "val": 100, "test": 200}
SHORTEST, LONGEST = 20, 100  # codons, start and stop included

# demo-expression: value = CODON_EFFECT * (score - 0.5) + MOTIF_EFFECT * (motif - 0.5) + noise.
# Over the set, the score has a variance of about 0.058 and the motif of 0.25; each makes up 0.45 of
# the variance of the value. The rest is noise, so that no predictor has an R2 above 0.9.
CODON_EFFECT, MOTIF_EFFECT, NOISE = 2.78, 1.34, 0.3162
CEILING_R2 = 0.9


def expression(seed: int) -> list[dict]:
    """Regression, 500/100/200 coding sequences: codon usage, a protein motif, and noise.

    Each sequence draws its share of favoured codons from [0.1, 0.9]; half hold `MOTIF`, the others
    `DECOY`. See `CODON_EFFECT` for the formula; `expression_truth` gives it without the noise.
    """
    rng, seen, rows = np.random.default_rng(seed), set(), []
    motifs = [motif for size in SIZES.values() for motif in balanced(rng, (MOTIF, DECOY), size)]
    for (split, name), motif in zip(splits(SIZES), motifs, strict=True):
        row = distinct(
            lambda motif=motif: {"sequence": _coding(rng, motif, rng.uniform(0.1, 0.9))}, seen
        )
        value = expression_truth(row) + NOISE * rng.standard_normal()
        rows.append({"id": name, "split": split, "value": round(float(value), 4)} | row)
    return rows


def expression_truth(row: dict) -> float:
    """The expected value of a demo-expression record."""
    score, motif = codon_score(row["sequence"]), has_motif(row["sequence"])
    return CODON_EFFECT * (score - 0.5) + MOTIF_EFFECT * (motif - 0.5)


def classes(seed: int) -> list[dict]:
    """Three balanced classes, 500/100/200 coding sequences, no noise.

    "low": a codon score under 0.5, with or without the motif; "medium": a score over 0.5 and the
    decoy; "high": a score over 0.5 and the motif. Scores between 0.45 and 0.55 do not occur.
    """
    rng, seen, rows = np.random.default_rng(seed), set(), []
    names = ("low", "medium", "high")
    labels = [label for size in SIZES.values() for label in balanced(rng, names, size)]
    for (split, name), label in zip(splits(SIZES), labels, strict=True):
        row = distinct(lambda label=label: {"sequence": _classed(rng, label)}, seen)
        rows.append({"id": name, "split": split, "label": label} | row)
    return rows


def classes_truth(row: dict) -> str:
    """The class of a demo-classes record, from its planted rule."""
    if codon_score(row["sequence"]) < 0.5:
        return "low"
    return "high" if has_motif(row["sequence"]) else "medium"


def codon_score(sequence: str) -> float:
    """The share of favoured codons among the codons of amino acids with several codons."""
    codons = [sequence[i : i + 3] for i in range(3, len(sequence) - 3, 3)]
    free = [codon for codon in codons if codon not in ("ATG", "TGG")]
    return sum(codon in FAVOURED.values() for codon in free) / len(free)


def has_motif(sequence: str) -> bool:
    """Whether the protein holds `MOTIF`."""
    residue = {codon: name for name, codons in CODONS.items() for codon in codons}
    return MOTIF in "".join(
        residue.get(sequence[i : i + 3], "*") for i in range(0, len(sequence), 3)
    )


def _classed(rng: np.random.Generator, label: str) -> str:
    low, high = (0.1, 0.4) if label == "low" else (0.6, 0.9)
    motif = {"low": (MOTIF, DECOY)[rng.integers(2)], "medium": DECOY, "high": MOTIF}[label]
    while True:
        sequence = _coding(rng, motif, rng.uniform(low, high))
        score = codon_score(sequence)
        if score <= 0.45 if label == "low" else score >= 0.55:
            return sequence


def _coding(rng: np.random.Generator, planted: str, favoured: float) -> str:
    """ATG ... stop, with `planted` in a random protein; `favoured` is the share of such codons."""
    length = int(rng.integers(SHORTEST, LONGEST + 1)) - 2
    protein = ""
    while protein.count(planted) != 1 or (MOTIF if planted == DECOY else DECOY) in protein:
        protein = "".join(rng.choice(RESIDUES, size=length))
        place = int(rng.integers(0, length - len(planted) + 1))
        protein = protein[:place] + planted + protein[place + len(planted) :]
    codons = [_codon(rng, residue, favoured) for residue in protein]
    return "ATG" + "".join(codons) + STOPS[rng.integers(len(STOPS))]


def _codon(rng: np.random.Generator, residue: str, favoured: float) -> str:
    choices = CODONS[residue]
    if len(choices) == 1:
        return choices[0]
    if rng.random() < favoured:
        return FAVOURED[residue]
    others = [codon for codon in choices if codon != FAVOURED[residue]]
    return others[rng.integers(len(others))]
