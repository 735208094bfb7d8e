"""Which examples form a step, and the chunks in which a step is computed."""

from collections.abc import Iterator, Sequence

import numpy as np

from seqfuse.encoders.models.tokenisers import Tokens

# Steps per pool; a pool is sorted by length. Larger pools waste less padding but shuffle less.
_POOL = 16
# Before sorting, lengths are randomly stretched by up to this share. Otherwise questions of
# slightly different length would never share a step, and the model would learn worse.
_STRETCH = 0.25


def step_indices(lengths: Sequence[int], batch: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """The examples of every step, int64[batch]: every example once per epoch, similar lengths
    together.

    An epoch is a seeded permutation, cut into pools of `_POOL` steps; a pool is sorted roughly by
    length and cut into batches, whose order is shuffled. What is left of an epoch is put before the
    next one. The steps depend only on the arguments, so that a resumed run can skip to its step.
    """
    rng = np.random.default_rng(seed)
    lengths = np.asarray(lengths)
    waiting = np.empty(0, np.int64)
    left = steps
    while left > 0:
        pool = min(_POOL, left, max(1, len(lengths) // batch))
        while len(waiting) < pool * batch:
            waiting = np.concatenate([waiting, rng.permutation(len(lengths))])
        drawn, waiting = waiting[: pool * batch], waiting[pool * batch :]
        stretched = lengths[drawn] * rng.uniform(1, 1 + _STRETCH, len(drawn))
        ordered = drawn[np.argsort(stretched, kind="stable")].reshape(pool, batch)
        yield from ordered[rng.permutation(pool)]
        left -= pool


def chunks(
    lengths: Sequence[int], tokens: int, most: int | None = None, processes: int = 1
) -> list[np.ndarray]:
    """The positions 0 .. n-1 in chunks of similar length, longest first.

    For each of the `processes` that share it, a chunk holds at most `tokens` tokens, padding
    included, and at most `most` examples. An example with more tokens is a chunk of its own.
    """
    order = np.argsort(lengths, kind="stable")[::-1].copy()
    parts, start = [], 0
    while start < len(order):
        room = max(1, tokens // max(1, lengths[order[start]]))
        room = min(room, most or room) * processes
        parts.append(order[start : start + room])
        start += room
    return parts


def derangement(count: int) -> np.ndarray:
    """A fixed permutation int64[count] without fixed points: a random cycle. A single row maps to
    itself."""
    cycle = np.random.default_rng(0).permutation(count)
    mapped = np.empty_like(cycle)
    mapped[cycle] = np.roll(cycle, 1)
    return mapped


def padded(genes: Sequence[Tokens], pad: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokenised sequences as one batch: ids int64[B, T], which positions are tokens bool[B, T], and
    which are tokens that are not special bool[B, T]."""
    ids = np.full((len(genes), max(len(tokens.ids) for tokens in genes)), pad, np.int64)
    mask, kept = np.zeros(ids.shape, bool), np.zeros(ids.shape, bool)
    for row, tokens in enumerate(genes):
        here = slice(0, len(tokens.ids))
        ids[row, here], mask[row, here], kept[row, here] = tokens.ids, True, ~tokens.special
    return ids, mask, kept


def chunks_for_rank(
    lengths: Sequence[int], tokens: int, rank: int, processes: int
) -> list[tuple[np.ndarray, bool]]:
    """The chunks that one of several processes computes, and whether each counts.

    Every process gets the same number of chunks, because all take part when sharded weights are
    gathered. A process without an example of its own repeats another's, which then does not count.
    """
    parts = []
    for chunk in chunks(lengths, tokens, processes=processes):
        own = chunk[rank::processes]
        parts.append((own, True) if len(own) else (chunk[:1], False))
    return parts
