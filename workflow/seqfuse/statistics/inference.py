"""The one procedure behind every interval, p value and verdict: errors of scores and differences.

A score is a mean over seeds and, if there are several, over datasets. The variances of its two
sources of error are estimated separately and added: that of rows by leaving out one cluster of rows
at a time (the jackknife), that of seeds from the scores by seed. Student's t with Satterthwaite's
degrees of freedom is the reference distribution. Arrays may have leading axes [...], so that a
simulation evaluates thousands of draws in one call; `make test-statistics` checks by simulation
that intervals and tests keep their stated levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, stdtr, stdtrit

# With fewer clusters there is no interval: they say too little about the variance between clusters.
FEWEST = 6
# The probability of finding a true difference of the size that is called detectable.
POWER = 0.8


@dataclass(frozen=True)
class Part:
    """The score of one dataset, `value` [...], and the score without each unit, `left` [..., K].

    A unit is a cluster of rows or, if there are many, a group of them; `clusters` is how many
    clusters there are.
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
        """The jackknife variance [...] (Efron and Stein 1981); NaN with too few clusters."""
        if self.clusters < FEWEST:
            return np.full(np.shape(self.value), np.nan)
        units = self.left.shape[-1]
        gaps = self.left - self.left.mean(-1, keepdims=True)
        return (units - 1) / units * (gaps * gaps).sum(-1)


@dataclass(frozen=True)
class Estimate:
    """The mean of `parts`, one for each dataset, and the scores by seed behind it.

    `seeds` holds arrays [..., S] of independent scores by seed: one for a score, two for a
    difference of methods that were trained separately. If the parts are splits of one dataset,
    `splits` [..., S] holds the score by split seed.
    The test rows of splits overlap, so averaging over splits does not reduce the error of rows.
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
        """The number of clusters in all parts; for splits of one dataset, in the smallest split."""
        counts = [part.clusters for part in self.parts]
        return sum(counts) if self.splits is None else min(counts)

    def less(self, other: "Estimate", paired: bool = False) -> "Estimate":
        """The difference of two scores on the same rows; `paired` if their seeds pair up."""
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
    """A difference with the quantities that its test and its interval are computed from, [...].

    Both use `centre`, the standard error `error` and `df` degrees of freedom, so that an interval
    excludes zero if and only if the p value is below the same level. With too few clusters, all but
    `value` and `centre` are NaN.
    """

    value: np.ndarray
    centre: np.ndarray
    error: np.ndarray
    df: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """The two-sided p value of the hypothesis of no difference."""
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
        """The larger p of two one-sided tests (Schuirmann 1987) of a difference beyond `margin`."""
        return stdtr(self.df, (np.abs(self.centre) - margin) / self.error)


def difference(one: Estimate, other: Estimate, paired: bool = False) -> Difference:
    """Compare two scores in [0, 1] or [-1, 1] on the same rows.

    To each dataset are added two pseudo-clusters: one without a difference, and one that counts
    half for either method. For independent rows that are right or wrong this is the interval of
    Agresti and Min (2005), which keeps its level even if the methods agree on nearly all rows.
    """
    mean = one.less(other, paired)
    centre, variances = 0.0, []
    for part in mean.parts:
        held, more = part.clusters, part.clusters + 2
        centre = centre + part.value * held / more
        squares = held * (held - 1) * part.variance + held * part.value**2
        spread = squares + _one_more(part, squares) - (held * part.value) ** 2 / more
        variances.append(spread / (more * (more - 1)))
    variance, df = _together(mean, variances)
    return Difference(mean.value, centre / len(mean.parts), np.sqrt(variance), df)


def _one_more(part: Part, squares: np.ndarray) -> np.ndarray:
    """The square of one more cluster, as large as that of the clusters that differ; 1 if none do.

    If k clusters differ by the same amount and the others not at all, it is the sum of squares
    over k.
    """
    own = part.value[..., None] - part.df * (part.left - part.value[..., None])
    second, fourth = (own**2).sum(-1), (own**4).sum(-1)
    differs = fourth > 0
    return np.where(differs, squares * fourth / np.where(differs, second**2, 1.0), 1.0)


def interval(
    score: Estimate, ends: tuple[float, float] | None, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """The interval of a score whose metric lies between `ends`, arrays [...].

    This is Wilson's (1927) interval with t in place of z (Korn and Graubard 1998), for a proportion
    of n independent rows, where n is chosen to give the score's own standard error. At an end of
    the range, where that error is 0, n is the number of clusters. Without `ends`, it is the score
    plus and minus t standard errors. It is NaN with too few clusters, and, without `ends`, if the
    error is 0.
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
        # 1 / n: 0 if every sample gives the same score.
        reciprocal = np.where(at_end, 1 / score.clusters, error / np.where(at_end, 1.0, spread))
        t2 = quantile**2 * reciprocal
        middle = (share + t2 / 2) / (1 + t2)
        half = np.sqrt(t2 * (spread + t2 / 4)) / (1 + t2)
        low = ends[0] + width * np.clip(middle - half, 0, 1)
        high = ends[0] + width * np.clip(middle + half, 0, 1)
        # Rounding must not put a score outside its own interval.
        low, high = np.minimum(low, value), np.maximum(high, value)
    known = np.isfinite(variance)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def holm(p_values: Sequence[float], level: float) -> list[tuple[float, float]]:
    """(adjusted p, level of the interval) of each test of one family, in the order given.

    The p value is Holm's (1979). The interval is Bonferroni's, at level / tests, unless Holm's
    procedure rejects where Bonferroni's would not; then it is at the level of that step of Holm's.
    So an interval excludes zero if and only if the adjusted p is below the level.
    """
    tests = len(p_values)
    adjusted: list[tuple[float, float]] = [(1.0, level)] * tests
    largest = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        p, step = float(p_values[index]), tests - rank
        largest = max(largest, min(1.0, step * p))
        later = largest < level and p >= level / tests
        adjusted[index] = (largest, level / (step if later else tests))
    return adjusted


def _together(estimate: Estimate, rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The variance [...] of rows and seeds together, and its degrees of freedom (Satterthwaite).

    The degrees of freedom are computed from a median-unbiased variance of seeds. With two seeds the
    usual estimate is too small in two samples out of three, and would leave t with the degrees of
    freedom of the rows alone.
    """
    sets = len(estimate.parts)
    least = min(part.df for part in estimate.parts)
    if estimate.splits is None:
        spread_of = estimate.seeds
        variance = sum(rows) / sets**2
        parts = zip(rows, estimate.parts, strict=True)
        below = sum((one / sets**2) ** 2 / part.df for one, part in parts)
    else:
        spread_of = (*estimate.seeds, estimate.splits)
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
    """The median of chi-squared; importing scipy.stats for it would take a second."""
    return 2 * gammaincinv(df / 2, 0.5)
