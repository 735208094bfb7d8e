"""Codon frames whose order of codons, choice among synonymous codons or protein is destroyed."""

from collections import Counter

import numpy as np

from seqfuse.bio.codon_usage import codons_of
from seqfuse.bio.frames import UNKNOWN, is_initiator, variant_id
from seqfuse.errors import UserError
from seqfuse.files import digest


def frames(rows: list[dict], how: str, seed: int) -> list[dict]:
    """The rows of `FRAMES` with their codons shuffled; see `shuffle`."""
    usage = _usage(rows)
    return [_shuffled(row, how, usage, seed) for row in rows]


def other_proteins(rows: list[dict], seed: int) -> list[dict]:
    """The rows of `FRAMES` with the protein of another record, repeated or cut to their codons; a
    variant gets that of the other's variant, or of the other where it has none."""
    by_id = {row["id"]: row for row in rows}
    variants = {variant_id(name) for name in by_id} & by_id.keys()
    names = [name for name in by_id if name not in variants]
    if len(names) < 2:
        raise UserError("one record has no other one, whose protein it could be given")
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    found = {}
    for place, row in enumerate(order):
        name, other = names[row], names[order[(place + 1) % len(order)]]
        found[name] = _filled(by_id[name], by_id[other])
        if (variant := variant_id(name)) in by_id:
            giver = by_id.get(variant_id(other), by_id[other])
            found[variant] = _filled(by_id[variant], giver)
    return [found[name] for name in by_id]


def _filled(row: dict, giver: dict) -> dict:
    times = -(-row["codons"] // giver["codons"])
    return row | {"protein": (giver["protein"] * times)[: row["codons"]]}


def _usage(rows: list[dict]) -> dict[str, tuple[list[str], np.ndarray]]:
    """{residue: (its codons, their shares)} as the set itself uses and translates them."""
    counted: dict[str, Counter] = {}
    for row in rows:
        pairs = [*zip(codons_of(row["dna"]), row["protein"], strict=True)]
        for codon, residue in pairs[is_initiator(row["dna"], row["protein"]) :]:
            counted.setdefault(residue, Counter())[codon] += 1
    return {
        residue: (sorted(found), np.array([found[c] for c in sorted(found)]) / found.total())
        for residue, found in counted.items()
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
        # A stop inside or a codon with an N is no residue that another codon could stand for.
        # An initiator such as GTG is methionine in the first place alone, and stays there.
        kept = is_initiator(row["dna"], protein)
        for place, residue in enumerate(protein):
            if residue != UNKNOWN and place >= kept:
                synonyms, shares = usage[residue]
                codons[place] = synonyms[random.choice(len(synonyms), p=shares)]
    dna = "".join(codons)
    return row | {"dna": dna, "rna": dna.replace("T", "U"), "protein": protein}
