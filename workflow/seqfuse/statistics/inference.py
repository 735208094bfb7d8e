"""The one procedure behind every interval, p value and verdict: errors of scores and differences.

A score is a mean over seeds, and over datasets where there are several. Its error has two sources,
which are estimated apart and added: rows, by leaving out one cluster of rows at a time (the
jackknife), and seeds, by the spread of the scores by seed. Student's t with Satterthwaite's degrees
of freedom is the reference. Arrays may have leading axes [...], so that a simulation evaluates
thousands of draws in one call: `make test-statistics` holds these functions to what they say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, stdtr, stdtrit

# Of fewer clusters, no interval can be had: their spread says too little of that between clusters.
FEWEST = 6
# The chance of finding a difference of the size that is called detectable.
POWER = 0.8


@dataclass(frozen=True)
class Part:
    """The score of one dataset, `value` [...], and what it is without each unit, `left` [..., K].

    A unit is one of `clusters` clusters of rows, or a group of them.
    """

    value: np.ndarray
    left: np.ndarray
    clusters: int

    @property
    def df(self) -> int:
        """Degrees of freedom of the variance."""
        return max(1, self.left.shape[-1] - 1)

    @property
    def variance(self) -> np.ndarray:
        """The jackknife's variance [...] (Efron and Stein 1981); NaN of too few clusters."""
        if self.clusters < FEWEST:
            return np.full(np.shape(self.value), np.nan)
        units = self.left.shape[-1]
        gaps = self.left - self.left.mean(-1, keepdims=True)
        return (units - 1) / units * (gaps * gaps).sum(-1)


@dataclass(frozen=True)
class Estimate:
    """The mean of the `parts`, one a dataset; `seeds` holds independent scores by seed, [..., S].

    A score has one array of seeds, a difference of two methods that were trained apart has two.
    Where the parts are one dataset, split with several seeds, `splits` [..., S] holds the score by
    split seed. Their test rows overlap, so that the mean is no surer of rows than each of them.
    """

    parts: tuple[Part, ...]
    seeds: tuple[np.ndarray, ...]
    splits: np.ndarray | None = None

    @property
    def value(self) -> np.ndarray:
        """The score or difference, [...]."""
        return sum(part.value for part in self.parts) / len(self.parts)

    @property
    def clusters(self) -> int:
        """The clusters of all parts together; of one dataset, the fewest of a split."""
        counts = [part.clusters for part in self.parts]
        return sum(counts) if self.splits is None else min(counts)

    def less(self, other: "Estimate", paired: bool = False) -> "Estimate":
        """The difference of two scores on the same rows; `paired` where the seeds are the same."""
        parts = tuple(
            Part(one.value - two.value, one.left - two.left, one.clusters)
            for one, two in zip(self.parts, other.parts, strict=True)
        )
        seeds = (
            tuple(one - two for one, two in zip(self.seeds, other.seeds, strict=True))
            if paired
            else self.seeds + other.seeds
        )
        split = self.splits is not None and other.splits is not None
        return Estimate(parts, seeds, self.splits - other.splits if split else None)


@dataclass(frozen=True)
class Difference:
    """A difference with what its test and its interval are read off, arrays [...].

    Both are about `centre`, with the standard error `error` and `df` degrees of freedom, so that an
    interval leaves out zero if and only if the p value is below the same level. All but `value` and
    `centre` are NaN where there are too few clusters.
    """

    value: np.ndarray
    centre: np.ndarray
    error: np.ndarray
    df: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """Two-sided p of no difference."""
        return 2 * stdtr(self.df, -np.abs(self.centre) / self.error)

    def interval(self, level: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The differences that a test at `level` would not reject."""
        half = self.error * stdtrit(self.df, 1 - np.asarray(level) / 2)
        return self.centre - half, self.centre + half

    def detectable(self, level: float | np.ndarray) -> np.ndarray:
        """The smallest true difference that a test at `level` finds four times in five."""
        quantiles = stdtrit(self.df, 1 - np.asarray(level) / 2) + stdtrit(self.df, POWER)
        return quantiles * self.error

    def p_equivalent(self, margin: float) -> np.ndarray:
        """The larger p of two one-sided tests (Schuirmann 1987) that it is beyond the margin."""
        return stdtr(self.df, (np.abs(self.centre) - margin) / self.error)


def difference(one: Estimate, other: Estimate, paired: bool = False) -> Difference:
    """Compare two scores in [0, 1] or [-1, 1] on the same rows.

    Each dataset counts as if it had two clusters more: one without a difference, and one that is
    half the one method's and half the other's. Of independent rows that are right or wrong this is
    Agresti and Min's (2005) interval, which holds for two methods that agree on nearly all rows.
    """
    found = one.less(other, paired)
    centre, variances = 0.0, []
    for part in found.parts:
        held, more = part.clusters, part.clusters + 2
        centre = centre + part.value * held / more
        squares = held * (held - 1) * part.variance + held * part.value**2
        spread = squares + _one_more(part, squares) - (held * part.value) ** 2 / more
        variances.append(spread / (more * (more - 1)))
    variance, df = _together(found, variances)
    return Difference(found.value, centre / len(found.parts), np.sqrt(variance), df)


def _one_more(part: Part, squares: np.ndarray) -> np.ndarray:
    """The square of one cluster more, as large as those are that differ; 1 where none does.

    Of k clusters that differ alike and others that do not, it is the sum of squares over k.
    """
    own = part.value[..., None] - part.df * (part.left - part.value[..., None])
    second, fourth = (own**2).sum(-1), (own**4).sum(-1)
    differs = fourth > 0
    return np.where(differs, squares * fourth / np.where(differs, second**2, 1.0), 1.0)


def interval(
    score: Estimate, ends: tuple[float, float] | None, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """The interval of a score whose metric lies between `ends`, arrays [...].

    Wilson's (1927) for a share of as many independent rows as have the score's error, with t in
    place of z (Korn and Graubard 1998). At an end of the range, where the error is 0, as many as
    there are clusters. Without ends, the score plus and minus t standard errors. NaN where no
    interval can be had: of too few clusters, and without ends where the error is 0.
    """
    value = np.asarray(score.value, dtype=np.float64)
    variance, df = _together(score, [part.variance for part in score.parts])
    quantile = stdtrit(df, (1 + confidence) / 2)
    if ends is None:
        half = np.where(variance > 0, quantile * np.sqrt(variance), np.nan)
        low, high = value - half, value + half
    else:
        width = ends[1] - ends[0]
        share = (value - ends[0]) / width
        spread, error = share * (1 - share), variance / width**2
        at_end = spread < 1e-12
        # The reciprocal of the number of rows: 0 where every sample would give the same score.
        rows = np.where(at_end, 1 / score.clusters, error / np.where(at_end, 1.0, spread))
        t2 = quantile**2 * rows
        middle = (share + t2 / 2) / (1 + t2)
        half = np.sqrt(t2 * (spread + t2 / 4)) / (1 + t2)
        low = ends[0] + width * np.clip(middle - half, 0, 1)
        high = ends[0] + width * np.clip(middle + half, 0, 1)
        # Rounding alone may not put a score outside its interval.
        low, high = np.minimum(low, value), np.maximum(high, value)
    known = np.isfinite(variance)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def holm(p_values: Sequence[float], level: float) -> list[tuple[float, float]]:
    """(adjusted p, level of the interval) of each test of one family, in the order given.

    The p is Holm's (1979). The interval is Bonferroni's, at level / tests; where Holm rejects what
    Bonferroni would not, it is at the level of that step of Holm's. So an interval leaves out zero
    if and only if the adjusted p is below the level.
    """
    tests = len(p_values)
    found: list[tuple[float, float]] = [(1.0, level)] * tests
    largest = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        p, step = float(p_values[index]), tests - rank
        largest = max(largest, min(1.0, step * p))
        later = largest < level and p >= level / tests
        found[index] = (largest, level / (step if later else tests))
    return found


def _together(found: Estimate, rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The variance [...] of rows and seeds together, and its degrees of freedom (Satterthwaite).

    The degrees of freedom are those at a median-unbiased variance of seeds: of two seeds, the
    usual one is below the truth in two samples of three, and t then counts on rows alone.
    """
    sets = len(found.parts)
    least = min(part.df for part in found.parts)
    if found.splits is None:
        spread_of = found.seeds
        variance = sum(rows) / sets**2
        parts = zip(rows, found.parts, strict=True)
        below = sum((one / sets**2) ** 2 / part.df for one, part in parts)
    else:
        spread_of = (*found.seeds, found.splits)
        variance = sum(rows) / sets
        below = variance**2 / least
    total = variance
    for by_seed in spread_of:
        seeds = by_seed.shape[-1]
        if seeds > 1:
            spread = by_seed.var(-1, ddof=1) / seeds
            variance = variance + spread
            likely = spread * (seeds - 1) / _median_of_chi2(seeds - 1)
            total = total + likely
            below = below + likely**2 / (seeds - 1)
    known = below > 0
    df = np.where(known, total**2 / np.where(known, below, 1.0), least)
    return variance, df


def _median_of_chi2(df: int) -> float:
    """As scipy.stats has it, whose import takes a second of every job that shows an interval."""
    return 2 * gammaincinv(df / 2, 0.5)
