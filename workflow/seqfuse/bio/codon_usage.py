"""Codon usage of a set of coding sequences, and the synonymous mutants that it allows.

Which residue a codon stands for is read off the frames, because a set may have its own genetic
code. A codon that no sequence of the set uses is never proposed.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from seqfuse.bio.frames import UNKNOWN, is_initiator

_CODON = 3
# The count of a codon that the reference set never uses, so that a single one does not make the
# index 0 (Bulmer 1988).
_UNUSED = 0.5


class Mutant(NamedTuple):
    """A sequence (`dna`) with `codon` at `position` (in codons, from 0) instead of `reference`.

    The first mutant of a sequence is the sequence itself.
    """

    position: int
    residue: str
    reference: str
    codon: str
    dna: str


def counted(
    dna: Sequence[str], proteins: Sequence[str], training: Collection[int]
) -> list[tuple[str, str, int]]:
    """(codon, residue, count in the rows `training`) for every codon of a set's frames, sorted."""
    pairs, training = Counter(), set(training)
    for row, (sequence, protein) in enumerate(zip(dna, proteins, strict=True)):
        first = int(is_initiator(sequence, protein))
        used = Counter(list(zip(codons_of(sequence), protein, strict=True))[first:])
        pairs.update(used if row in training else dict.fromkeys(used, 0))
    return [(codon, residue, times) for (codon, residue), times in sorted(pairs.items())]


class Synonyms:
    """The codons that a set uses for each residue, with their counts in its training rows."""

    def __init__(self, usage: Iterable[tuple[str, str, int]]):
        self.training: Counter = Counter()
        self.of: dict[str, list[str]] = {}
        for codon, residue, times in usage:
            self.training[codon] += times
            if residue != UNKNOWN:
                self.of.setdefault(residue, []).append(codon)

    def usage(self) -> Iterator[dict]:
        """Codon, residue, count in the training rows, and relative adaptiveness.

        The weights of the codon adaptation index (Sharp and Li 1987), with the training sequences
        as the reference set.
        """
        for residue, codons in self.of.items():
            most = max(self.training[codon] for codon in codons)
            for codon in codons:
                count = self.training[codon]
                share = count / most if most else 0.0
                yield {"codon": codon, "residue": residue, "count": count, "adaptiveness": share}

    def adaptation(self, dna: str, protein: str) -> float:
        """The codon adaptation index of a sequence: the geometric mean of the adaptiveness of its
        codons that have a synonym; NaN if none has."""
        logs = []
        for codon, residue in zip(codons_of(dna), protein, strict=True):
            codons = self.of.get(residue, ())
            if len(codons) > 1 and codon in codons:
                most = max(self.training[other] for other in codons)
                logs.append(math.log((self.training[codon] or _UNUSED) / (most or _UNUSED)))
        return math.exp(sum(logs) / len(logs)) if logs else math.nan

    def mutants(self, dna: str, protein: str) -> list[Mutant]:
        """The sequence itself, then each synonymous mutant of one codon. A start codon other than
        ATG is left alone, because it means methionine only there."""
        mutants = [Mutant(0, protein[0], dna[:_CODON], dna[:_CODON], dna)]
        first = int(is_initiator(dna, protein))
        codons = list(enumerate(zip(codons_of(dna), protein, strict=True)))
        for position, (reference, residue) in codons[first:]:
            for codon in self.of.get(residue, ()):
                if codon != reference:
                    changed = with_codon(dna, position, codon)
                    mutants.append(Mutant(position, residue, reference, codon, changed))
        return mutants


def with_codon(dna: str, position: int, codon: str) -> str:
    """A sequence with another codon at `position` (in codons, from 0)."""
    start = _CODON * position
    return dna[:start] + codon + dna[start + _CODON :]


def codons_of(dna: str) -> list[str]:
    """The whole codons of a sequence."""
    return [dna[i : i + _CODON] for i in range(0, len(dna) - _CODON + 1, _CODON)]


def gc(dna: str) -> float:
    """The share of G and C."""
    return (dna.count("G") + dna.count("C")) / len(dna)
