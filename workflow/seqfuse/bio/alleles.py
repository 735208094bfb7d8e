"""What a variant changes in its reference, when both are given as sequences."""

import os

# When the right ends differ: the longest insertion or deletion searched for, and how many
# nucleotides to its right must agree.
_LONGEST, _AGREE = 64, 20


def difference(reference: str, variant: str) -> tuple[int, int, int]:
    """(place, removed, added): `reference[place:place+removed]` became `added` nt of `variant`.

    The place is the first nucleotide that differs: the leftmost end of an indel in a repeat, plus
    what the two alleles share.
    """
    place = len(os.path.commonprefix([reference, variant]))
    shortest = min(len(reference), len(variant)) - place
    end = len(os.path.commonprefix([reference[::-1][:shortest], variant[::-1][:shortest]]))
    return place, len(reference) - place - end, len(variant) - place - end


def same_stretch(reference: str, variant: str) -> tuple[str, str]:
    """Both sequences without the right end that only one of them covers.

    A published variant is often cut to the length of its reference. After an insertion the
    reference then reaches further right than the variant; after a deletion the variant does.
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
