"""The alterations of a record's DNA that probes make, to see whether a model reads it.

DNA is a tuple: (reference, variant), or one sequence. Every alteration is a pure function of it;
random generators are seeded by the record, so that draws do not depend on other records. `swap` and
`revert` apply only to pairs. A variant may be an SNV or an indel: the two sequences may differ in
length.
"""

from collections.abc import Callable, Sequence

import numpy as np

from seqfuse.files import digest

Dna = tuple[str, ...]
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def swap(dna: Dna) -> Dna | None:
    """Reference and variant exchanged; None for a single sequence."""
    return dna[::-1] if len(dna) == 2 else None


def revert(dna: Dna) -> Dna | None:
    """The reference in place of the variant too; None for a single sequence."""
    return (dna[0], dna[0]) if len(dna) == 2 else None


def scramble(dna: Dna, random: np.random.Generator) -> Dna:
    """The nucleotides of each sequence in random order, shuffled independently.

    Composition and length stay, and so does the difference in composition between the two.
    """
    return tuple("".join(random.permutation(list(sequence))) for sequence in dna)


def blank(dna: Dna) -> Dna:
    """Every nucleotide replaced by A, so that only the lengths stay.

    N would be tokenised letter by letter, into six times as many tokens.
    """
    return tuple("A" * len(sequence) for sequence in dna)


def reverse_complement(dna: Dna) -> Dna:
    """The reverse complement of each sequence; N stays N."""
    return tuple(sequence.translate(_COMPLEMENT)[::-1] for sequence in dna)


def shift(dna: Dna) -> Dna:
    """The first nucleotide of each sequence moved to its end, which shifts the phase of k-mers.

    Length, composition and all but one of the adjacencies stay.
    """
    return tuple(sequence[1:] + sequence[:1] for sequence in dna)


def other(dnas: Sequence[Dna], random: np.random.Generator) -> list[Dna | None]:
    """For each record the DNA of another one, which differs from its own.

    Each takes it from the next record with different DNA in a random cycle; None if all records
    have the same DNA.
    """
    cycle = random.permutation(len(dnas))
    of_others: list[Dna | None] = [None] * len(dnas)
    for position, row in enumerate(cycle):
        following = np.roll(cycle, -position - 1)[:-1]
        of_others[row] = next((dnas[i] for i in following if dnas[i] != dnas[row]), None)
    return of_others


_ALONE: dict[str, Callable[[Dna], Dna | None]] = {
    "swap": swap,
    "revert": revert,
    "blank": blank,
    "reverse_complement": reverse_complement,
    "shift": shift,
}


def altered(probe: str, ids: Sequence[str], dnas: Sequence[Dna]) -> list[Dna | None]:
    """The DNA of each record under a probe; None if the probe does not apply to it."""
    if probe == "other":
        return other(dnas, _random(*sorted(ids)))
    if probe == "scramble":
        return [scramble(dna, _random(name)) for name, dna in zip(ids, dnas, strict=True)]
    return [_ALONE[probe](dna) for dna in dnas]


def _random(*names: str) -> np.random.Generator:
    return np.random.default_rng(int(digest("\n".join(names))[:16], 16))
