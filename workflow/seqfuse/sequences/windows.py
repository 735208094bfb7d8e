"""Cutting a long sequence to a limit: the same genomic window of reference and variant."""

from seqfuse.bio.alleles import difference, same_stretch


def cut(
    sequence: str, variant: str | None, limit: int, policy: str, step: int = 1
) -> tuple[str, str | None] | None:
    """`sequence` and `variant` cut to at most `limit` nt, or None where the variant does not fit.

    "truncate" keeps the start; "window" is centred on the first nucleotide that differs, or on the
    middle where nothing does. Both strings show the same stretch of the genome: with an insertion
    the reference's window is shorter than `limit` by as much, with a deletion the variant's is.
    Windows begin and end at multiples of `step` (3 keeps the reading frame).
    """
    limit -= limit % step
    if variant is None or variant == sequence:
        start = 0 if policy == "truncate" else (len(sequence) - limit) // 2
        start = max(0, start - start % step)
        kept = sequence[start : start + limit]
        return kept, kept if variant is not None else None
    sequence, variant = same_stretch(sequence, variant)
    place, removed, added = difference(sequence, variant)
    grown = added - removed
    length = min(limit - max(0, grown), len(sequence))
    start = 0
    if policy == "window":
        start = max(0, min(place - limit // 2, len(sequence) - length))
        start -= start % step
    if place - start + max(removed, added) > limit:
        return None
    return sequence[start : start + length], variant[start : start + length + grown]
