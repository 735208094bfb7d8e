"""Which rows the jackknife leaves out together.

Clusters of rows are left out one at a time. If there are many, random groups of clusters are left
out instead, the same groups for every method of a dataset, so that differences are paired by row.
"""

from collections.abc import Callable, Iterator

import numpy as np

from seqfuse.files import digest
from seqfuse.statistics.inference import FEWEST, Estimate, Part

# The most units: with so many, the relative error of the standard error is about 2 %.
MOST = 1000
# Entries of one block of weights: small enough to stay in a core's cache.
_BLOCK = 2**18


def units(clusters: int, *names: str) -> np.ndarray:
    """The unit int[clusters] that each cluster belongs to.

    More than `MOST` clusters are grouped by a generator that is seeded by `names` alone, so that
    adding a method does not change another's interval.
    """
    if clusters <= MOST:
        return np.arange(clusters)
    random = np.random.default_rng(int(digest("\n".join(names))[:16], 16))
    return random.permutation(clusters) % MOST


def weights(count: int, rows: int) -> Iterator[np.ndarray]:
    """Blocks float64[b, count] of how often each unit counts: first all once, then all but one.

    With fewer units than an interval needs, none is left out. `rows` is the number of rows in all
    units, which limits the size of a block.
    """
    yield np.ones((1, count))
    block = max(1, _BLOCK // rows)
    for start in range(0, count if count >= FEWEST else 0, block):
        size = min(block, count - start)
        kept = np.ones((size, count))
        kept[np.arange(size), start + np.arange(size)] = 0.0
        yield kept


def estimate(
    score: Callable[[np.ndarray], np.ndarray],
    by_seed: np.ndarray,
    cluster: np.ndarray,
    *names: str,
) -> Estimate:
    """A score with the leave-out scores and the scores by seed that its error is computed from.

    `score` maps row weights float[b, n] to the mean over seeds float[b]; `by_seed` [S] holds each
    seed's score, and `cluster` int[n] each row's cluster. `names` seed the grouping (see `units`).
    """
    distinct, cluster = np.unique(cluster, return_inverse=True)
    unit = units(len(distinct), *names)[cluster]
    blocks = weights(int(unit.max()) + 1, len(unit))
    scores = np.concatenate([score(block[:, unit]) for block in blocks])
    return Estimate((Part(scores[0], scores[1:], len(distinct)),), (by_seed,))
