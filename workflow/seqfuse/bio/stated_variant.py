"""What a variant changes, and the line that states it: `G>T at 57`.

The line is an auxiliary target: a model trained to state the variant before it reasons must read it
off the DNA. Positions count from 1 in the reference; an insertion's reference and a deletion's
alternate allele are written as -.
"""

import re
from typing import NamedTuple

from seqfuse.bio import alleles

_LINE = re.compile(r"([ACGTN]+|-)>([ACGTN]+|-) at (\d+)")


class Variant(NamedTuple):
    """Reference allele, alternate allele, and the position of the first letter, from 1."""

    reference: str
    alternate: str
    position: int

    @property
    def line(self) -> str:
        """The line that states it."""
        return f"{self.reference or '-'}>{self.alternate or '-'} at {self.position}"


# What a text without such a line states: no field of `Variant`.
NOTHING = (None, None, None)


def between(reference: str, variant: str) -> Variant | None:
    """What differs, without the ends that both share; None if the sequences are equal."""
    if reference == variant:
        return None
    reference, variant = alleles.same_stretch(reference, variant)
    place, removed, added = alleles.difference(reference, variant)
    return Variant(reference[place : place + removed], variant[place : place + added], place + 1)


def stated(text: str | None) -> Variant | None:
    """The variant stated in the first line of a text; None if it states none."""
    match = _LINE.fullmatch((text or "").lstrip().partition("\n")[0].strip())
    if not match:
        return None
    reference, alternate = (letters.replace("-", "") for letters in match.group(1, 2))
    return Variant(reference, alternate, int(match[3]))
