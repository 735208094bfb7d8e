"""What a variant changes, and the line that states it: `G>T at 57`.

The line is an auxiliary target: a model that is trained to state the variant before it reasons must
read it off the DNA. Places count from 1 in the reference; what an insertion or a deletion lacks is
written as -.
"""

import re
from typing import NamedTuple

from seqfuse.bio import alleles

_LINE = re.compile(r"([ACGTN]+|-)>([ACGTN]+|-) at (\d+)")


class Variant(NamedTuple):
    """Letters of the reference, those in their place, and the place of the first, from 1."""

    reference: str
    alternate: str
    position: int

    @property
    def line(self) -> str:
        """The line that states it."""
        return f"{self.reference or '-'}>{self.alternate or '-'} at {self.position}"


# What a text without such a line states.
NOTHING = (None, None, None)


def between(reference: str, variant: str) -> Variant | None:
    """What differs, without what both share at either end; None where nothing does."""
    if reference == variant:
        return None
    reference, variant = alleles.same_stretch(reference, variant)
    place, removed, added = alleles.difference(reference, variant)
    return Variant(reference[place : place + removed], variant[place : place + added], place + 1)


def stated(text: str | None) -> Variant | None:
    """What the first line of a text states; None where that is no such line."""
    found = _LINE.fullmatch((text or "").lstrip().partition("\n")[0].strip())
    if not found:
        return None
    reference, alternate = (letters.replace("-", "") for letters in found.group(1, 2))
    return Variant(reference, alternate, int(found[3]))
