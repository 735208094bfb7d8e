"""Work that several jobs share without communicating: which job does which part.

A job's share follows from its number alone, so that a restarted job continues its own share, and no
two jobs do the same.
"""

import re
from typing import NamedTuple

from seqfuse.errors import UserError

_START = 8  # bytes of a hash


class Part(NamedTuple):
    """Part `number`, counted from 1, `of` so many; written 3of8."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Parse a part from a flag or a file's name."""
        words = re.fullmatch(r"([1-9]\d*)of([1-9]\d*)", text)
        if not words or int(words[1]) > int(words[2]):
            raise UserError(f"--part {text}: not a part; write 3of8 for the third of eight")
        return cls(int(words[1]), int(words[2]))

    def owns(self, digest: bytes) -> bool:
        """Whether a hash belongs to this part. Parts are ranges of hashes, of equal size."""
        return (int.from_bytes(digest[:_START]) * self.of >> 8 * _START) == self.number - 1

    def deals(self, index: int) -> bool:
        """Whether batch `index`, counted from 0, belongs to this part.

        Batches are dealt out in turn, so that each part gets long and short ones.
        """
        return index % self.of == self.number - 1
