"""A piece of work that several jobs share without talking to each other: which of it is whose.

What a part has to do follows from its number alone, so that a job that is started again goes on
with its own, and no two do the same.
"""

import re
from typing import NamedTuple

from seqfuse.errors import UserError

_START = 8  # bytes of a hash


class Part(NamedTuple):
    """Number `number`, from 1, `of` so many parts; written 3of8."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """The part that a flag or a file's name says."""
        words = re.fullmatch(r"([1-9]\d*)of([1-9]\d*)", text)
        if not words or int(words[1]) > int(words[2]):
            raise UserError(f"--part {text}: no part; write 3of8 for the third of eight")
        return cls(int(words[1]), int(words[2]))

    def owns(self, digest: bytes) -> bool:
        """Whether a hash falls to this part. Parts are ranges of hashes, of equal size."""
        return (int.from_bytes(digest[:_START]) * self.of >> 8 * _START) == self.number - 1

    def deals(self, place: int) -> bool:
        """Whether the batch at this place, from 0, falls to this part: they are dealt out in turn,
        so that each gets long ones and short ones."""
        return place % self.of == self.number - 1
