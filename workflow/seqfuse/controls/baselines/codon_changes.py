"""What a variant changes in a coding sequence: the codons that differ, and their amino acids."""

from collections.abc import Sequence

from seqfuse.bio.frames import UNKNOWN, code

_CODON = 3
# The pairs of codons that differ; for an indel, by how many nucleotides the variant is longer.
Change = tuple


def codons(references: Sequence[str], variants: Sequence[str]) -> list[Change]:
    """For each pair, the codons that differ, in order; for an indel, only the change in length."""
    return [_changed(*pair) for pair in zip(references, variants, strict=True)]


def amino_acids(references: Sequence[str], variants: Sequence[str], table: int) -> list[Change]:
    """The same as amino acids of genetic code `table`, `*` for a stop; a synonymous change is a
    pair of equal amino acids."""
    residues = code(table)

    def translated(change: Change) -> Change:
        if change[:1] and isinstance(change[0], int):
            return change
        return tuple(tuple(residues.get(c, UNKNOWN) for c in pair) for pair in change)

    return [translated(change) for change in codons(references, variants)]


def _changed(reference: str, variant: str) -> Change:
    if len(reference) != len(variant):
        return (len(variant) - len(reference),)
    starts = range(0, len(reference) - _CODON + 1, _CODON)
    pairs = ((reference[at : at + _CODON], variant[at : at + _CODON]) for at in starts)
    return tuple(pair for pair in pairs if pair[0] != pair[1])
