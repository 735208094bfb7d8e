"""Codon frames with their codon order, synonymous codon choice or protein randomised."""

from collections import Counter

import numpy as np

from seqfuse.bio.codon_usage import codons_of
from seqfuse.bio.frames import UNKNOWN, is_initiator, variant_id
from seqfuse.errors import UserError
from seqfuse.files import digest


def frames(rows: list[dict], how: str, seed: int) -> list[dict]:
    """The rows of `FRAMES` with their codons shuffled; `how` as in controls/shuffle.py."""
    usage = _usage(rows)
    return [_shuffled(row, how, usage, seed) for row in rows]


def other_proteins(rows: list[dict], seed: int) -> list[dict]:
    """The rows of `FRAMES` with the protein of another record, repeated or cut to their length.

    A variant gets the protein of the other record's variant, or of the other record if that has no
    variant.
    """
    by_id = {row["id"]: row for row in rows}
    variants = {variant_id(name) for name in by_id} & by_id.keys()
    names = [name for name in by_id if name not in variants]
    if len(names) < 2:
        raise UserError("a set of one record has no other protein to give it")
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    exchanged = {}
    for position, row in enumerate(order):
        name, other = names[row], names[order[(position + 1) % len(order)]]
        exchanged[name] = _with_protein(by_id[name], by_id[other])
        if (variant := variant_id(name)) in by_id:
            donor = by_id.get(variant_id(other), by_id[other])
            exchanged[variant] = _with_protein(by_id[variant], donor)
    return [exchanged[name] for name in by_id]


def _with_protein(row: dict, donor: dict) -> dict:
    times = -(-row["codons"] // donor["codons"])
    return row | {"protein": (donor["protein"] * times)[: row["codons"]]}


def _usage(rows: list[dict]) -> dict[str, tuple[list[str], np.ndarray]]:
    """{residue: (its codons, their shares)}, counted over the set."""
    counted: dict[str, Counter] = {}
    for row in rows:
        pairs = [*zip(codons_of(row["dna"]), row["protein"], strict=True)]
        for codon, residue in pairs[is_initiator(row["dna"], row["protein"]) :]:
            counted.setdefault(residue, Counter())[codon] += 1
    return {
        residue: (sorted(counts), np.array([counts[c] for c in sorted(counts)]) / counts.total())
        for residue, counts in counted.items()
    }


def _shuffled(row: dict, how: str, usage: dict, seed: int) -> dict:
    codons, protein = codons_of(row["dna"]), row["protein"]
    random = np.random.default_rng([seed, int(digest(row["dna"])[:16], 16)])
    if how == "codons":
        fixed = int(row["start"])
        order = [*range(fixed), *(fixed + random.permutation(len(codons) - fixed)).tolist()]
        codons = [codons[place] for place in order]
        protein = "".join(protein[place] for place in order)
    else:
        # A codon with an N has no synonyms. An initiator such as GTG codes for methionine only in
        # the first position, and stays there.
        kept = is_initiator(row["dna"], protein)
        for place, residue in enumerate(protein):
            if residue != UNKNOWN and place >= kept:
                synonyms, shares = usage[residue]
                codons[place] = synonyms[random.choice(len(synonyms), p=shares)]
    dna = "".join(codons)
    return row | {"dna": dna, "rna": dna.replace("T", "U"), "protein": protein}
