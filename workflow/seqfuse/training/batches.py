"""Which examples make a step, and in what chunks a step is computed."""

from collections.abc import Iterator, Sequence

import numpy as np

from seqfuse.encoders.models.tokenisers import Tokens

# Steps whose examples are sorted by length together: more wastes less padding and mixes less.
_POOL = 16
# For sorting, each length is stretched by up to this share at random: kinds of questions that
# differ a little in length would otherwise never share a step, which learns worse.
_STRETCH = 0.25


def step_indices(lengths: Sequence[int], batch: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """The examples of every step: int64[batch], every example once an epoch, similar lengths
    together.

    An epoch is a seeded permutation, cut into pools of `_POOL` steps; a pool is sorted roughly by
    length and cut into batches, whose order is shuffled. An epoch's remainder opens the order of
    the next one. Depends on nothing but its arguments, so a resumed run skips to its step.
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
    """Positions 0 .. n-1 in chunks of similar length, the longest first.

    No chunk holds more than `tokens` tokens with its padding, or more than `most` examples, for
    each of `processes` that share it; an example longer than that is a chunk of its own.
    """
    order = np.argsort(lengths, kind="stable")[::-1].copy()
    found, start = [], 0
    while start < len(order):
        room = max(1, tokens // max(1, lengths[order[start]]))
        room = min(room, most or room) * processes
        found.append(order[start : start + room])
        start += room
    return found


def derangement(count: int) -> np.ndarray:
    """For each of `count` rows another one, int64[count]: the next of a random circle, always the
    same one. Only a single row gets itself."""
    circle = np.random.default_rng(0).permutation(count)
    found = np.empty_like(circle)
    found[circle] = np.roll(circle, 1)
    return found


def padded(genes: Sequence[Tokens], pad: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokenised sequences as one batch: ids int64[B, T], where there is a token bool[B, T], and
    where that is not a special one bool[B, T]."""
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

    Every process gets equally many, because sharded weights are gathered in each: one that is left
    without an example repeats another's, which then does not count.
    """
    found = []
    for chunk in chunks(lengths, tokens, processes=processes):
        own = chunk[rank::processes]
        found.append((own, True) if len(own) else (chunk[:1], False))
    return found
