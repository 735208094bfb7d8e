"""Which rows are left out at a time, so that scores say how sure they are.

Clusters of rows are left out one by one; of many clusters, random groups of them, the same for
every method of a dataset, so that a difference between two methods is paired by row.
"""

from collections.abc import Callable, Iterator

import numpy as np

from seqfuse.files import digest
from seqfuse.statistics.inference import FEWEST, Estimate, Part

# Units that are left out: of so many, the standard error has an error of its own of 2 %.
MOST = 1000
# Entries of one block of weights: small enough to stay in a core's cache.
_BLOCK = 2**18


def units(clusters: int, *names: str) -> np.ndarray:
    """The unit int[clusters] that each cluster is left out with.

    More than `MOST` clusters are dealt out by a generator that is seeded by `names` alone: no
    method's presence changes another's interval.
    """
    if clusters <= MOST:
        return np.arange(clusters)
    random = np.random.default_rng(int(digest("\n".join(names))[:16], 16))
    return random.permutation(clusters) % MOST


def weights(count: int, rows: int) -> Iterator[np.ndarray]:
    """Blocks float64[b, count] of how often each unit counts: all once, then all but one each.

    Of fewer clusters than an interval takes, none is left out. `rows` is how many rows the units
    hold together, which bounds a block.
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
    """A score with what its error is made of: of rows in clusters int[n], and of seeds.

    `score` gives the mean over seeds float[b] for weights float[b, n] of the rows; `by_seed` [S]
    are the scores of each. `names` decide which of many clusters are left out together.
    """
    distinct, cluster = np.unique(cluster, return_inverse=True)
    unit = units(len(distinct), *names)[cluster]
    blocks = weights(int(unit.max()) + 1, len(unit))
    found = np.concatenate([score(block[:, unit]) for block in blocks])
    return Estimate((Part(found[0], found[1:], len(distinct)),), (by_seed,))
