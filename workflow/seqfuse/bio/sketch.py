"""Near-duplicates by MinHash: bottom-s sketches of the k-mers of a sequence.

The k-mers of the given strand are hashed by a bijection of 24 bits, and the `SIZE` smallest hashes
are kept. The share of common hashes among the SIZE smallest of the union of two sketches estimates
the Jaccard index J of the k-mer sets (Broder 1997) with a standard error of
sqrt(J (1 - J) / SIZE): 0.044 at J = 0.5. If both sequences have fewer than SIZE distinct k-mers,
the sketches hold them all and J is exact. K-mers with an N are left out.
"""

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from seqfuse.bio.normalise import flat

K, SIZE, NEAR = 12, 128, 0.5
EMPTY = np.uint32(0xFFFFFFFF)  # pads sketches of short sequences; no hash has more than 24 bits
_BLOCK = 64
_ROWS = 1024
_SOME = 2 * SIZE
_LETTERS = 1 << 14  # hashed at a time, so that they stay in the cache
_MASK = np.uint32((1 << 2 * K) - 1)
_DIGIT = np.full(256, 4, np.uint32)
_DIGIT[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4, dtype=np.uint32)


def sketches(column: pa.Array) -> np.ndarray:
    """The sketch of every sequence: uint32 [n, SIZE], ascending, padded with `EMPTY`."""
    data, offsets = flat(column)
    sketched = np.full((len(column), SIZE), EMPTY, np.uint32)
    if len(data) < K:
        return sketched
    hashes = np.empty(len(data) - K + 1, np.uint32)
    for start in range(0, len(hashes), _LETTERS):
        letters = data[start : start + _LETTERS + K - 1]
        hashes[start : start + _LETTERS] = _hashes(_DIGIT[letters])
    for row, (start, end) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        smallest = _smallest(hashes[start : max(start, end - K + 1)])
        sketched[row, : len(smallest)] = smallest
    return sketched


def _smallest(hashes: np.ndarray) -> np.ndarray:
    """At most SIZE distinct hashes, the smallest, ascending."""
    some = hashes
    if len(hashes) > _SOME:  # sorting a few is faster; repeats are rare
        some = np.partition(hashes, _SOME)[:_SOME]
    smallest = np.unique(some)
    if len(smallest) < SIZE and len(some) < len(hashes):
        smallest = np.unique(hashes)
    smallest = smallest[:SIZE]
    return smallest[smallest != EMPTY]


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """J of two sketches: exact if both hold all k-mers, else an estimate; 0 if either is empty."""
    first, second = first[first != EMPTY], second[second != EMPTY]
    if not len(first) or not len(second):
        return 0.0
    union = np.union1d(first, second)
    if max(len(first), len(second)) == SIZE:
        union = union[:SIZE]
    return float((np.isin(union, first) & np.isin(union, second)).mean())


def identity(index: float) -> float:
    """The nucleotide identity at which J is expected (1 - Mash distance, Ondov et al. 2016)."""
    return 1 + math.log(2 * index / (1 + index)) / K


def near(queries: np.ndarray, pool: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Whether each query has a near-duplicate in the pool (bool[queries]).

    `same` gives the row of the pool that is the query itself and does not count, or -1. Each query
    is compared with the other row of the pool that shares the most hashes with it.
    """
    is_near = np.zeros(len(queries), bool)
    for first, shared in _shared(queries, pool):
        rows = np.arange(len(shared))
        own = same[first : first + len(shared)]
        shared[rows[own >= 0], own[own >= 0]] = 0
        best = shared.argmax(axis=1)
        for row in np.flatnonzero(
            shared[rows, best] >= _least(queries[first : first + len(shared)])
        ):
            index = jaccard(queries[first + row], pool[best[row]])
            is_near[first + row] = index >= NEAR
    return is_near


def clusters(pool: np.ndarray) -> np.ndarray:
    """Cluster numbers int64[n]: rows share one if a chain of near-duplicates joins them."""
    cluster = np.arange(len(pool))
    for first, shared in _shared(pool, pool):
        least = _least(pool[first : first + len(shared)])
        for row, other in np.argwhere(shared >= least[:, None]):
            row += first
            mine, theirs = cluster[row], cluster[other]
            if mine != theirs and jaccard(pool[row], pool[other]) >= NEAR:
                cluster[cluster == theirs] = mine
    return cluster


def _least(sketch: np.ndarray) -> np.ndarray:
    """The fewest hashes that a near-duplicate shares with each sketch; others can be skipped."""
    return np.maximum(1, NEAR * (sketch != EMPTY).sum(axis=1))


def _shared(queries: np.ndarray, pool: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Block by block: (the first query, int[block, pool] counts of shared hashes)."""
    from scipy.sparse import csr_array, vstack

    distinct = np.unique(queries)
    distinct = distinct[distinct != EMPTY]

    def indicator_rows(sketch: np.ndarray) -> csr_array:
        places = np.searchsorted(distinct, sketch)
        known = (np.append(distinct, EMPTY)[places] == sketch) & (sketch != EMPTY)
        rows, _ = np.nonzero(known)
        ones, shape = np.ones(len(rows), np.int16), (len(sketch), len(distinct))
        return csr_array((ones, (rows.astype(np.int32), places[known].astype(np.int32))), shape)

    def indicator(sketch: np.ndarray) -> csr_array:
        # The search for known hashes takes memory, so it goes a block of rows at a time.
        firsts = range(0, max(1, len(sketch)), _ROWS)
        blocks = [indicator_rows(sketch[first : first + _ROWS]) for first in firsts]
        return vstack(blocks, format="csr")

    ours, theirs = indicator(queries), indicator(pool).T.tocsr()
    for first in range(0, len(queries), _BLOCK):
        yield first, (ours[first : first + _BLOCK] @ theirs).toarray()


def _hashes(digits: np.ndarray) -> np.ndarray:
    """The hash of the k-mer that begins at each place except the last K - 1; EMPTY with an N."""
    places = len(digits) - K + 1
    codes = np.zeros(places, np.uint32)
    known = np.ones(places, bool)
    for shift in range(K):
        part = digits[shift : shift + places]
        codes = (codes << np.uint32(2)) | (part & np.uint32(3))
        known &= part < 4
    # Multiplication by an odd number and xor-shift are bijections on 24 bits.
    for factor in (0x5BD1E9, 0x9E3779, 0xC2B2AD):
        codes = (codes * np.uint32(factor)) & _MASK
        codes ^= codes >> np.uint32(K)
    return np.where(known, codes, EMPTY)
