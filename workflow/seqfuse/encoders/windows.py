"""Windows of a sequence with more tokens than an encoder takes at once."""

import itertools
from collections.abc import Iterator

import numpy as np

from seqfuse.encoders.models.tokenisers import Tokeniser, Tokens

# Neighbouring windows share a quarter of their tokens; each keeps its half of the shared ones.
OVERLAP = 1 / 4


def places(count: int, most: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, stop, first, last) of windows of equal size, at most `most` tokens, over `count`
    tokens. A window reads [start, stop) and keeps [first, last); kept ranges tile the tokens."""
    size = min(count, most)
    step = size - int(size * OVERLAP)
    starts = [*range(0, count - size, step), count - size]
    shared = [(right + left + size) // 2 for left, right in itertools.pairwise(starts)]
    for start, first, last in zip(starts, [0, *shared], [*shared, count], strict=True):
        yield start, start + size, first, last


def cut(tokens: Tokens, tokeniser: Tokeniser, most: int) -> Iterator[Tokens]:
    """A tokenised sequence in windows of at most `most` tokens, special tokens included. Tokens
    that a window reads but another one keeps are marked as special."""
    before, behind = len(tokeniser.prefix), len(tokeniser.suffix)
    count = len(tokens.ids) - before - behind
    for start, stop, first, last in places(count, most - before - behind):
        rows = np.r_[:before, before + start : before + stop, before + count : len(tokens.ids)]
        special = np.ones(len(rows), bool)
        special[before + first - start : before + last - start] = False
        yield Tokens(tokens.ids[rows], tokens.spans[rows], special)
