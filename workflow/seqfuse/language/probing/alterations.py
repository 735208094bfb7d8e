"""What a probe does to the DNA of a record: did the model read what was altered?

DNA is a tuple: (reference, variant), or one sequence. Every alteration is a pure function of it; a
generator is seeded by the record, so that what is drawn depends on no other record. `swap` and
`revert` mean something for a pair alone. A variant may be an SNV or an indel: nothing here assumes
that both sequences have one length.
"""

from collections.abc import Callable, Sequence

import numpy as np

from seqfuse.files import digest

Dna = tuple[str, ...]
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def swap(dna: Dna) -> Dna | None:
    """Reference and variant in each other's place; None for one sequence."""
    return dna[::-1] if len(dna) == 2 else None


def revert(dna: Dna) -> Dna | None:
    """The variant reverted, so that the reference stands in both places; None for one sequence."""
    return (dna[0], dna[0]) if len(dna) == 2 else None


def scramble(dna: Dna, random: np.random.Generator) -> Dna:
    """The nucleotides of each sequence in random order, reference and variant each in its own.

    Composition and length stay, and with them the difference in composition between the two.
    """
    return tuple("".join(random.permutation(list(sequence))) for sequence in dna)


def blank(dna: Dna) -> Dna:
    """Every nucleotide is A: only the lengths stay.

    Not N, which 6-mer tokenisers spell letter by letter, six times as many tokens.
    """
    return tuple("A" * len(sequence) for sequence in dna)


def reverse_complement(dna: Dna) -> Dna:
    """The other strand of each sequence, read in its own direction; N stays N."""
    return tuple(sequence.translate(_COMPLEMENT)[::-1] for sequence in dna)


def shift(dna: Dna) -> Dna:
    """The first nucleotide of each sequence goes to its end: every k-mer is cut one later.

    Length and composition stay, and all DNA but one nucleotide stands where it stood, one earlier.
    """
    return tuple(sequence[1:] + sequence[:1] for sequence in dna)


def other(dnas: Sequence[Dna], random: np.random.Generator) -> list[Dna | None]:
    """For each record the DNA of another one, which differs from its own.

    The records stand in a random ring and each takes the DNA of the next one with other DNA; None
    where all have the same.
    """
    ring = random.permutation(len(dnas))
    found: list[Dna | None] = [None] * len(dnas)
    for place, row in enumerate(ring):
        following = np.roll(ring, -place - 1)[:-1]
        found[row] = next((dnas[i] for i in following if dnas[i] != dnas[row]), None)
    return found


_ALONE: dict[str, Callable[[Dna], Dna | None]] = {
    "swap": swap,
    "revert": revert,
    "blank": blank,
    "reverse_complement": reverse_complement,
    "shift": shift,
}


def altered(probe: str, ids: Sequence[str], dnas: Sequence[Dna]) -> list[Dna | None]:
    """The DNA of each record under a probe; None where the probe means nothing for it."""
    if probe == "other":
        return other(dnas, _random(*sorted(ids)))
    if probe == "scramble":
        return [scramble(dna, _random(name)) for name, dna in zip(ids, dnas, strict=True)]
    return [_ALONE[probe](dna) for dna in dnas]


def _random(*names: str) -> np.random.Generator:
    return np.random.default_rng(int(digest("\n".join(names))[:16], 16))
