"""Do intervals cover the truth, and do tests keep their level? Simulations of known truth.

Each case draws data whose true score or difference is known, and asks the pipeline's own procedure
(`seqfuse.statistics.inference`) for an interval or a p value; only the sums of leave-one-out scores
are computed here, for all draws at once. `make test-statistics` runs every case, writes the table
of docs/statistics.md, and fails if a case does.

    python -m bench.simulations             # 3,000 draws per case
    python -m bench.simulations --draws 300 --keep
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom, norm

from seqfuse.evaluation import metrics
from seqfuse.statistics import inference, jackknife
from seqfuse.statistics.correlation import Ranking, weighted_spearman

DRAWS, LEVEL = 3000, 0.05
PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
_BEGIN, _END = "<!-- simulations -->", "<!-- end of simulations -->"
_ALPHA = 0.005  # the chance that a procedure which is right fails a case


@dataclass(frozen=True)
class Case:
    """A situation, and how often `share` should come out in it.

    `comes_out(draws, random)` gives a bool for each draw. `least` and `most` bound its true share;
    a case fails if the observed share is further beyond them than chance explains.
    """

    section: str
    title: str
    comes_out: Callable[[int, np.random.Generator], np.ndarray]
    least: float
    most: float

    def run(self, draws: int) -> "Outcome":
        """Draw, from a generator of the case's own."""
        random = np.random.default_rng(zlib.crc32(f"{self.section} {self.title}".encode()))
        return Outcome(self, draws, int(self.comes_out(draws, random).sum()))


@dataclass(frozen=True)
class Outcome:
    """How often something came out in so many draws."""

    case: Case
    draws: int
    times: int

    @property
    def share(self) -> float:
        """The observed share."""
        return self.times / self.draws

    @property
    def passes(self) -> bool:
        """Whether the share may be within the bounds of the case."""
        least = binom.ppf(_ALPHA, self.draws, self.case.least)
        most = binom.ppf(1 - _ALPHA, self.draws, self.case.most)
        return least <= self.times <= most


# --- data of known truth ------------------------------------------------------------------------


def sizes(draws: int, clusters: int, rows: float, random: np.random.Generator) -> np.ndarray:
    """Rows of each cluster, int[draws, clusters]: 1 each, or lognormal about `rows` (some 20 times
    as many in the largest as in the smallest of fifty)."""
    if rows == 1:
        return np.ones((draws, clusters), np.int64)
    drawn = np.exp(random.normal(np.log(rows), 0.7, (draws, clusters)))
    return np.clip(np.round(drawn), 1, 10 * rows).astype(np.int64)


@dataclass(frozen=True)
class World:
    """Rows in clusters with latent normal variables; `common` is the share of a latent variance
    that a cluster's rows have in common.

    Arrays are [draws, clusters, most rows of a cluster]; `there` says which rows exist.
    """

    there: np.ndarray
    common: float
    random: np.random.Generator

    def latent(self) -> np.ndarray:
        """A standard normal variable of the rows."""
        shape = self.there.shape
        shared = self.random.normal(size=(*shape[:2], 1)) * self.common**0.5
        return shared + self.random.normal(size=shape) * (1 - self.common) ** 0.5


def world(draws: int, clusters: int, rows: float, random: np.random.Generator) -> World:
    """Independent rows (`rows` 1), or clusters that have 30 % of the variance in common."""
    size = sizes(draws, clusters, rows, random)
    there = np.arange(size.max()) < size[..., None]
    return World(there, 0.0 if rows == 1 else 0.3, random)


def part(counted: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> inference.Part:
    """A score of columns summed by cluster, counted[draws, clusters, ...], with each left out."""
    total = counted.sum(1, keepdims=True)
    scores = score(np.concatenate([total, total - counted], axis=1))
    return inference.Part(scores[:, 0], scores[:, 1:], counted.shape[1])


def classes(there, gold, said, count: int) -> np.ndarray:
    """What metrics of classes are functions of, [draws, clusters, 3, count]."""
    held = gold[..., None] == np.arange(count)
    told = said[..., None] == np.arange(count)
    parts = [(one & there[..., None]).sum(2) for one in (held, told, held & told)]
    return np.stack(parts, axis=2)


def of_classes(metric: str) -> Callable[[np.ndarray], np.ndarray]:
    """A metric of classes as a function of counts."""
    return lambda counted: metrics.classification(counted)[metric]


def share(counted: np.ndarray) -> np.ndarray:
    """Accuracy from [..., (right, rows)]."""
    return counted[..., 0] / counted[..., 1]


def right(there: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Right answers and rows by cluster, [draws, clusters, 2]."""
    return np.stack([(hits & there).sum(2), there.sum(2)], axis=-1)


def alone(one: inference.Part) -> inference.Estimate:
    """A score of one seed."""
    return inference.Estimate((one,), (one.value[:, None],))


# --- intervals of one score ---------------------------------------------------------------------


def covers(score: inference.Estimate, ends, truth) -> np.ndarray:
    """Whether the interval holds the truth, a draw."""
    low, high = inference.interval(score, ends, 1 - LEVEL)
    return (low <= truth) & (truth <= high)


def accuracy(clusters: int, rows: float, truth: float):
    """Right where a latent variable is below a threshold."""

    def comes_out(draws, random):
        here = world(draws, clusters, rows, random)
        hits = here.latent() < norm.ppf(truth)
        return covers(alone(part(right(here.there, hits), share)), (0, 1), truth)

    return comes_out


def macro_f1(clusters: int, rows: float, truth: float):
    """Three classes, equally frequent; errors fall on the other two alike, so F1 is accuracy."""

    def comes_out(draws, random):
        here = world(draws, clusters, rows, random)
        gold = random.integers(0, 3, here.there.shape)
        wrong = (gold + random.integers(1, 3, gold.shape)) % 3
        said = np.where(here.latent() < norm.ppf(truth), gold, wrong)
        counted = classes(here.there, gold, said, 3)
        return covers(alone(part(counted, of_classes("macro_f1"))), (0, 1), truth)

    return comes_out


def mcc(clusters: int, rows: float, truth: float):
    """Two classes, equally frequent, errors alike: Matthews' correlation is 2 accuracy - 1."""

    def comes_out(draws, random):
        here = world(draws, clusters, rows, random)
        gold = random.integers(0, 2, here.there.shape)
        hits = here.latent() < norm.ppf((1 + truth) / 2)
        counted = classes(here.there, gold, np.where(hits, gold, 1 - gold), 2)
        return covers(alone(part(counted, of_classes("mcc"))), (-1, 1), truth)

    return comes_out


def spearman_part(here: World, x: np.ndarray, y: np.ndarray) -> inference.Part:
    """Spearman's correlation of each draw, ranked anew without each cluster."""
    clusters = here.there.shape[1]
    scores = []
    for there, one, two in zip(here.there, x, y, strict=True):
        unit = np.nonzero(there)[0]
        ranks = Ranking(one[there]), Ranking(two[there])
        blocks = []
        for weights in jackknife.weights(clusters, len(unit)):
            of_rows = weights[:, unit]
            blocks.append(weighted_spearman(*(r.centred(of_rows) for r in ranks), of_rows))
        scores.append(np.concatenate(blocks))
    scores = np.stack(scores)
    return inference.Part(scores[:, 0], scores[:, 1:], clusters)


def correlated(here: World, x: np.ndarray, rho: float) -> np.ndarray:
    """A variable with Pearson's correlation `rho` with x."""
    return rho * x + (1 - rho * rho) ** 0.5 * here.latent()


def spearman(clusters: int, rows: float, rho: float):
    """Two normal variables, whose rank correlation is 6/pi asin(rho / 2)."""

    def comes_out(draws, random):
        here = world(draws, clusters, rows, random)
        x = here.latent()
        score = alone(spearman_part(here, x, correlated(here, x, rho)))
        return covers(score, (-1, 1), 6 / np.pi * np.arcsin(rho / 2))

    return comes_out


def regression(metric: str, rows: int, rho: float):
    """R2 of the best linear prediction, rho^2, and its mean absolute error."""
    error = (1 - rho * rho) ** 0.5
    truth = {"r2": rho * rho, "mae": error * (2 / np.pi) ** 0.5}[metric]

    def comes_out(draws, random):
        here = world(draws, rows, 1, random)
        said = rho * here.latent()[..., 0]
        gold = said + error * random.normal(size=said.shape)
        sums = np.stack([metrics.regression_sums(g, s) for g, s in zip(gold, said, strict=True)])
        counted = np.concatenate([sums, np.ones((*sums.shape[:2], 1))], axis=2)
        one = part(counted, lambda c: metrics.regression(c[..., :-1], c[..., -1])[metric])
        return covers(alone(one), None, truth)

    return comes_out


def over_splits(clusters: int, splits: int, deviation: float):
    """The mean over random splits of one sample of clusters, a fifth of which are tested; the
    accuracy of the training on each moves by a deviation."""

    def comes_out(draws, random):
        here = world(draws, clusters, 5, random)
        difficulty = here.latent() * 0.5**0.5
        by_split = []
        for _ in range(splits):
            [counted] = trained(here, 0.7, 1, deviation, difficulty)
            tested = random.permuted(np.tile(np.arange(clusters), (draws, 1)), axis=1)
            tested = tested[:, : clusters // 5, None]
            by_split.append(part(np.take_along_axis(counted, tested, axis=1), share))
        values = np.stack([one.value for one in by_split], axis=-1)
        mean = (values.mean(-1)[:, None],)
        return covers(inference.Estimate(tuple(by_split), mean, values), (0, 1), 0.7)

    return comes_out


# --- comparisons --------------------------------------------------------------------------------


def trained(here: World, truth: float, seeds: int, deviation: float, difficulty) -> list:
    """By seed, right answers by cluster of one method; seeds move the accuracy by a deviation.

    Half of a row's latent variance is its difficulty, the same for every method; a quarter is the
    method's own, a quarter the seed's.
    """
    slope = norm.pdf(norm.ppf(truth))
    own = here.latent() * 0.5
    counts = []
    for _ in range(seeds):
        moved = here.random.normal(size=(here.there.shape[0], 1, 1)) * deviation / slope
        latent = difficulty + own + here.latent() * 0.5
        counts.append(right(here.there, latent < norm.ppf(truth) + moved))
    return counts


def over_seeds(by_seed: list[inference.Part]) -> inference.Estimate:
    """The mean over seeds, as evaluation/score.py makes it."""
    values = np.stack([one.value for one in by_seed], axis=-1)
    left = np.mean([one.left for one in by_seed], axis=0)
    return inference.Estimate(
        (inference.Part(values.mean(-1), left, by_seed[0].clusters),), (values,)
    )


def two_methods(
    draws, random, clusters: int, rows: float, seeds=1, deviation=0.0, gap=0.0, others=1
) -> list[inference.Difference]:
    """A method of accuracy .7 + gap against `others` of .7, on the same rows."""
    here = world(draws, clusters, rows, random)
    difficulty = here.latent() * 0.5**0.5
    scores = [
        over_seeds([
            part(counted, share)
            for counted in trained(here, truth, seeds, deviation, difficulty)
        ])
        for truth in (0.7 + gap, *[0.7] * others)
    ]  # fmt: skip
    return [inference.difference(scores[0], other) for other in scores[1:]]


def false_positive(*where, level: float = LEVEL, **how):
    """Two methods that are equally good are told apart."""
    return lambda draws, random: two_methods(draws, random, *where, **how)[0].p < level


def covers_difference(*where, gap: float, **how):
    """The interval of a difference holds it; with seeds, it is that of their expectation."""

    def comes_out(draws, random):
        [one] = two_methods(draws, random, *where, gap=gap, **how)
        low, high = one.interval(LEVEL)
        return (low <= gap) & (gap <= high)

    return comes_out


def covers_spearman(clusters: int, rows: float):
    """The difference of two predictors' rank correlations, .8 and .6 of Pearson's, is held."""
    truth = 6 / np.pi * (np.arcsin(0.4) - np.arcsin(0.3))

    def comes_out(draws, random):
        here = world(draws, clusters, rows, random)
        x = here.latent()
        one, two = (alone(spearman_part(here, x, correlated(here, x, r))) for r in (0.8, 0.6))
        low, high = inference.difference(one, two).interval(LEVEL)
        return (low <= truth) & (truth <= high)

    return comes_out


def family(gaps: tuple[float, ...], ask: str):
    """One method against several: is any that is no better called so (`ask` "error"), and does any
    interval miss (`ask` "miss")? `gaps` are the true differences."""

    def comes_out(draws, random):
        here = world(draws, 200, 1, random)
        difficulty = here.latent() * 0.5**0.5
        first, *rest = (
            alone(part(trained(here, 0.8 - gap, 1, 0.0, difficulty)[0], share))
            for gap in (0.0, *gaps)
        )
        compared = [inference.difference(first, other) for other in rest]
        p, bad = np.stack([one.p for one in compared], axis=1), np.zeros(draws, bool)
        for draw in range(draws):
            for one, gap, (adjusted, level) in zip(
                compared, gaps, inference.holm(p[draw], LEVEL), strict=True
            ):
                half = one.error[draw] * _quantile(level, one.df[draw])
                missed = abs(one.centre[draw] - gap) > half
                bad[draw] |= missed if ask == "miss" else gap == 0 and adjusted < LEVEL
        return bad

    return comes_out


def _quantile(level: float, df: float) -> float:
    return float(inference.stdtrit(df, 1 - level / 2))


def equivalent(rows: int, margin: float):
    """Two methods that differ by the margin exactly are called equivalent."""
    return lambda draws, random: (
        two_methods(draws, random, rows, 1, gap=margin)[0].p_equivalent(margin) < LEVEL
    )


# --- the cases ----------------------------------------------------------------------------------

_COVER = {"least": 0.93, "most": 0.97}
_SAFE = {"least": 0.93, "most": 1.0}
_TEST = {"least": 0.0, "most": LEVEL}


def cases() -> Iterator[Case]:
    """Every case, in the order of the table."""
    yield from _scores()
    yield from _differences()
    yield from _tests()
    yield from _families()


def _scores() -> Iterator[Case]:
    rows = "Intervals of a score, rows as units"
    for n in (20, 50, 200):
        for truth in (0.5, 0.7, 0.9):
            yield Case(rows, f"accuracy {truth:g}, {n} rows", accuracy(n, 1, truth), **_COVER)
    for n in (50, 200):
        yield Case(rows, f"Matthews correlation .5, {n} rows", mcc(n, 1, 0.5), **_COVER)
        yield Case(rows, f"macro F1 .7, {n} rows", macro_f1(n, 1, 0.7), **_COVER)
        for rho in (0.3, 0.8):
            yield Case(rows, f"Spearman (Pearson {rho:g}), {n} rows", spearman(n, 1, rho), **_COVER)
    yield Case(rows, "R2 .5, 200 rows", regression("r2", 200, 0.5**0.5), **_COVER)
    yield Case(rows, "mean absolute error, 200 rows", regression("mae", 200, 0.5**0.5), **_COVER)
    clusters = "Intervals of a score, clusters of 5 rows, of unequal size"
    for n in (10, 20, 50):
        for truth in (0.5, 0.7, 0.9):
            title = f"accuracy {truth:g}, {n} clusters"
            yield Case(clusters, title, accuracy(n, 5, truth), **_COVER)
        yield Case(clusters, f"Matthews correlation .5, {n} clusters", mcc(n, 5, 0.5), **_COVER)
        yield Case(clusters, f"macro F1 .7, {n} clusters", macro_f1(n, 5, 0.7), **_COVER)
        yield Case(clusters, f"Spearman (.5), {n} clusters", spearman(n, 5, 0.5), **_COVER)
    edge = "Near the end of the range, and of few clusters: at least"
    for n in (20, 50, 200):
        yield Case(edge, f"accuracy .98, {n} rows", accuracy(n, 1, 0.98), **_SAFE)
    for n in (6, 8):
        for truth in (0.5, 0.9):
            yield Case(edge, f"accuracy {truth:g}, {n} clusters", accuracy(n, 5, truth), **_SAFE)
    for n in (10, 50):
        yield Case(edge, f"accuracy .98, {n} clusters", accuracy(n, 5, 0.98), **_SAFE)
    resplit = "The mean over splits of one set, a fifth of 100 clusters tested: at least"
    for splits in (2, 3, 5):
        for deviation in (0, 0.05, 0.15):
            title = f"{splits} splits, SD of trainings {deviation:g}"
            yield Case(resplit, title, over_splits(100, splits, deviation), **_SAFE)


def _differences() -> Iterator[Case]:
    section = "Intervals of a difference"
    for n in (50, 200, 1000):
        title = f"accuracies .8 and .7, {n} rows"
        yield Case(section, title, covers_difference(n, 1, gap=0.1), **_COVER)
    for n in (10, 20, 50):
        title = f"accuracies .8 and .7, {n} clusters"
        yield Case(section, title, covers_difference(n, 5, gap=0.1), **_COVER)
    yield Case(section, "Spearman .8 and .6, 100 rows", covers_spearman(100, 1), **_COVER)
    yield Case(section, "Spearman .8 and .6, 20 clusters", covers_spearman(20, 5), **_COVER)


def _tests() -> Iterator[Case]:
    section = "False positives at 5 %, by seeds and their standard deviation"
    for seeds in (2, 3, 5):
        for deviation in (0.0, 0.02, 0.05, 0.08, 0.15):
            for n in (60, 200, 500):
                title = f"{seeds} seeds, SD {deviation:g}, {n} rows"
                told_apart = false_positive(n, 1, seeds=seeds, deviation=deviation)
                yield Case(section, title, told_apart, **_TEST)
    section = "False positives at 5 %, one seed that makes no difference"
    for n in (20, 100, 500):
        yield Case(section, f"one seed, {n} rows", false_positive(n, 1), **_TEST)
    for n in (6, 10, 20, 50):
        yield Case(section, f"one seed, {n} clusters", false_positive(n, 5), **_TEST)
    for seeds in (2, 3):
        title = f"20 clusters, {seeds} seeds, SD .05"
        yield Case(section, title, false_positive(20, 5, seeds=seeds, deviation=0.05), **_TEST)


def _families() -> Iterator[Case]:
    section = "Families of eight comparisons, 200 rows"
    null, mixed, all_apart = (0.0,) * 8, (0.0,) * 4 + (0.25,) * 4, (0.25,) * 8
    for title, gaps in (("none differs", null), ("four differ by .25", mixed)):
        yield Case(section, f"{title}: any false verdict", family(gaps, "error"), **_TEST)
    # Holm's verdicts keep 5 %; intervals that agree with them can miss a little more often: a false
    # verdict is a miss, and so is a Bonferroni interval of any of the others.
    for title, gaps, most in (
        ("none differs", null, LEVEL),
        ("four differ by .25", mixed, 1.5 * LEVEL),
        ("all differ by .25", all_apart, LEVEL),
    ):
        bounds = {"least": 0.0, "most": most}
        yield Case(section, f"{title}: any interval misses", family(gaps, "miss"), **bounds)
    section = "Equivalence within .05, of methods that differ by .05: called so"
    for n in (500, 2000):
        yield Case(section, f"{n} rows", equivalent(n, 0.05), **_TEST)


# --- the table ----------------------------------------------------------------------------------


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as Markdown, a table a section."""
    lines = []
    for section in dict.fromkeys(one.case.section for one in outcomes):
        lines += ["", f"**{section}**", "", "| case | share | allowed | |", "|---|---|---|---|"]
        for one in outcomes:
            if one.case.section == section:
                bounds = f"{100 * one.case.least:g} to {100 * one.case.most:g} %"
                verdict = "" if one.passes else "**fails**"
                lines.append(
                    f"| {one.case.title} | {100 * one.share:.1f} % | {bounds} | {verdict} |"
                )
    return "\n".join(lines[1:])


def write(outcomes: list[Outcome], page: Path = PAGE) -> None:
    """Put the table between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(_BEGIN)[0], text.split(_END)[1]
    failed = sum(not one.passes for one in outcomes)
    said = f"{len(outcomes)} cases, {outcomes[0].draws:,} draws each; {failed} fail."
    page.write_text(
        f"{before}{_BEGIN}\n{said}\n\n{table(outcomes)}\n{_END}{after}", encoding="utf-8"
    )


def main(words: list[str] | None = None) -> int:
    """Run every case; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"a case (default: {DRAWS})")
    parser.add_argument("--keep", action="store_true", help="leave docs/statistics.md as it is")
    args = parser.parse_args(words)
    outcomes = []
    for case in cases():
        outcomes.append(case.run(args.draws))
        one = outcomes[-1]
        mark = "" if one.passes else "   FAILS"
        print(f"{case.section}: {case.title}: {100 * one.share:.1f} %{mark}", flush=True)
    if not args.keep:
        write(outcomes)
    failed = [one for one in outcomes if not one.passes]
    print(f"{len(outcomes)} cases, {len(failed)} fail")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
