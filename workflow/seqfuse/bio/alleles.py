"""What a variant changes in its reference, where both are given as sequences."""

import os

# How long an insertion or deletion may be that is found behind ends that differ, and how many
# nucleotides on its right must then agree.
_LONGEST, _AGREE = 64, 20


def difference(reference: str, variant: str) -> tuple[int, int, int]:
    """(place, removed, added): `reference[place:place+removed]` became `added` nt of `variant`.

    The place is the first nucleotide that differs, so an indel in a repeat is put at its left-most
    end, plus what the two alleles share.
    """
    place = len(os.path.commonprefix([reference, variant]))
    shortest = min(len(reference), len(variant)) - place
    end = len(os.path.commonprefix([reference[::-1][:shortest], variant[::-1][:shortest]]))
    return place, len(reference) - place - end, len(variant) - place - end


def same_stretch(reference: str, variant: str) -> tuple[str, str]:
    """Both without the nucleotides at the right end that only one of them shows.

    A published variant is often cut to the length of its reference, so that behind an insertion the
    reference goes on where the variant has ended, and behind a deletion the variant does.
    """
    place, *changed = difference(reference, variant)
    if min(changed) <= _AGREE:
        return reference, variant
    old, new = reference[place:], variant[place:]
    for indel in range(1, _LONGEST + 1):
        inserted = min(len(old), len(new) - indel)
        if inserted >= _AGREE and old[:inserted] == new[indel:][:inserted]:
            return reference[: place + inserted], variant[: place + indel + inserted]
        deleted = min(len(old) - indel, len(new))
        if deleted >= _AGREE and old[indel:][:deleted] == new[:deleted]:
            return reference[: place + indel + deleted], variant[: place + deleted]
    return reference, variant
