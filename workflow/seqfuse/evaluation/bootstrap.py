"""The resamples that intervals and tests are made of.

Two levels: clusters of rows (genes where the records name them, rows otherwise) and seeds. The same
resamples of clusters serve every method of a dataset, so that a difference between two methods is
paired by row.
"""

from collections.abc import Iterator

import numpy as np

from seqfuse.files import digest

# Entries of one block of weights: small enough to stay in a core's cache.
_BLOCK = 2**18


def generator(*names: str) -> np.random.Generator:
    """A generator seeded by names alone: no method's presence changes another's interval."""
    return np.random.default_rng(int(digest("\n".join(names))[:16], 16))


def cluster_weights(
    clusters: int, rows: int, resamples: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Blocks float64[b, clusters] of how often each cluster is drawn, `resamples` rows in all.

    Each resample draws as many clusters as there are, with replacement. `rows` is how many rows the
    clusters hold together, which bounds a block.
    """
    block = max(1, _BLOCK // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = random.integers(0, clusters, size=(size, clusters))
        drawn += np.arange(size)[:, None] * clusters
        counted = np.bincount(drawn.ravel(), minlength=size * clusters)
        yield counted.reshape(size, clusters).astype(np.float64)


def seed_weights(seeds: int, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Shares float64[resamples, seeds] of a mean over resampled seeds.

    Each resample draws one seed fewer than there are: drawing as many would understate the variance
    of a mean over S seeds by (S - 1) / S, half of it at two seeds (Rao and Wu 1988). A single seed
    says nothing of the variance between seeds and adds none.
    """
    draws = max(1, seeds - 1)
    drawn = random.integers(0, seeds, size=(resamples, draws))
    drawn += np.arange(resamples)[:, None] * seeds
    return np.bincount(drawn.ravel(), minlength=resamples * seeds).reshape(-1, seeds) / draws


def interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """The percentile interval of bootstrap draws[resamples]."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
