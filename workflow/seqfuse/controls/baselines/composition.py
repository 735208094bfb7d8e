"""The composition of sequences, regardless of position: GC content and k-mer counts."""

from collections.abc import Sequence

import numpy as np

# Sequences per batch; for 4,000 nt each, the windows of a batch take about 100 MB.
_BATCH = 500
_CODE = np.full(256, 4, dtype=np.int64)
_CODE[np.frombuffer(b"ACGTUacgtu", dtype=np.uint8)] = [0, 1, 2, 3, 3, 0, 1, 2, 3, 3]


def gc(sequences: Sequence[str]) -> np.ndarray:
    """The share of G and C among A, C, G and T (or U), float64[n, 1]; 0 if there are none."""
    bases = _counts(sequences, 1)
    return (bases[:, 1] + bases[:, 2])[:, None] / np.maximum(bases.sum(axis=1, keepdims=True), 1)


def kmers(sequences: Sequence[str], longest: int) -> np.ndarray:
    """Counts float64[n, 4 + 16 + ...] of all overlapping 1- to `longest`-mers.

    Windows with any letter but A, C, G, T and U are skipped.
    """
    return np.concatenate([_counts(sequences, k) for k in range(1, longest + 1)], axis=1)


def _counts(sequences: Sequence[str], k: int) -> np.ndarray:
    """Counts float64[n, 4^k] of overlapping k-mers, in the order AA..A, AA..C, ..., TT..T."""
    starts = range(0, len(sequences), _BATCH)
    batches = [_counts_of_batch(sequences[start : start + _BATCH], k) for start in starts]
    return np.concatenate([np.empty((0, 4**k)), *batches])


def _counts_of_batch(sequences: Sequence[str], k: int) -> np.ndarray:
    lengths = np.array([len(sequence) for sequence in sequences])
    letters = _CODE[np.frombuffer("".join(sequences).encode("ascii"), dtype=np.uint8)]
    owner = np.repeat(np.arange(len(sequences)), lengths)
    if len(letters) < k:
        return np.zeros((len(sequences), 4**k))
    windows = np.lib.stride_tricks.sliding_window_view(letters, k)
    first, last = owner[: len(windows)], owner[k - 1 :]
    valid = (windows < 4).all(axis=1) & (first == last)
    code = windows[valid] @ (4 ** np.arange(k - 1, -1, -1))
    counted = np.bincount(first[valid] * 4**k + code, minlength=len(sequences) * 4**k)
    return counted.reshape(len(sequences), 4**k).astype(np.float64)
