"""Errors, intervals and tests against independent implementations."""

import itertools

import numpy as np
import pytest
from scipy import stats

from seqfuse.evaluation.answers import Answers
from seqfuse.evaluation.gold import Gold
from seqfuse.evaluation.score import scores
from seqfuse.statistics import inference, jackknife


def mean_of(rows: np.ndarray, *by_seed: float) -> inference.Estimate:
    """The mean of independent rows, with each left out."""
    left = (rows.sum() - rows) / (len(rows) - 1)
    part = inference.Part(np.float64(rows.mean()), left, len(rows))
    return inference.Estimate((part,), (np.array(by_seed or (rows.mean(),)),))


def test_the_interval_of_a_mean_without_ends_is_students():
    rows = np.random.default_rng(0).normal(3, 2, 12)
    error = stats.sem(rows)
    expected = stats.t.interval(0.9, 11, loc=rows.mean(), scale=error)
    assert inference.interval(mean_of(rows), None, 0.9) == pytest.approx(expected)


def test_the_interval_of_a_share_of_many_rows_is_wilsons():
    rows = np.repeat([1.0, 0.0], [9000, 1000])
    wilson = stats.binomtest(9000, 10000).proportion_ci(0.95, "wilson")
    low, high = inference.interval(mean_of(rows), (0, 1), 0.95)
    assert [low, high] == pytest.approx([wilson.low, wilson.high], abs=2e-6)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_the_interval_of_a_share_at_the_edge_is_not_empty(right):
    low, high = inference.interval(mean_of(np.full(20, right)), (0, 1), 0.95)
    t2 = stats.t.ppf(0.975, 19) ** 2
    expected = (20 / (20 + t2), 1.0) if right else (0.0, t2 / (20 + t2))
    assert (low, high) == pytest.approx(expected)
    # Of the exact interval at the edge, some 17 % of twenty rows are left.
    assert high - low == pytest.approx(0.17, abs=0.02)


def test_a_score_that_no_row_moves_has_an_interval_of_no_width():
    # Matthews' correlation of a constant answer is 0, whatever rows there are.
    part = inference.Part(np.float64(0.0), np.zeros(30), 30)
    score = inference.Estimate((part,), (np.zeros(1),))
    assert inference.interval(score, (-1, 1), 0.95) == (0.0, 0.0)


def test_too_few_clusters_have_no_interval():
    few = mean_of(np.array([1.0, 0, 1, 0, 1]))
    assert np.isnan(inference.interval(few, (0, 1), 0.95)).all()
    found = inference.difference(few, few)
    assert np.isnan([found.p, *found.interval(0.05), found.detectable(0.05)]).all()
    assert np.isnan(found.p_equivalent(0.1))


def test_the_difference_of_two_classifiers_is_agresti_and_mins_interval():
    # Of 40 rows, 9 that one alone has right and 2 that the other has.
    gaps = np.repeat([1.0, -1.0, 0.0], [9, 2, 29])
    found = inference.difference(mean_of(gaps), mean_of(np.zeros(40)))
    n = 42
    centre, variance = 7 / n, ((9 + 2 + 1) - 7**2 / n) / n / (n - 1)
    half = stats.t.ppf(0.975, 39) * variance**0.5
    assert found.value == 7 / 40
    assert found.interval(0.05) == pytest.approx((centre - half, centre + half))
    assert found.p == pytest.approx(2 * stats.t.sf(centre / variance**0.5, 39))


def test_two_methods_that_say_the_same_differ_by_less_than_three_in_so_many_rows():
    rows = np.random.default_rng(0).integers(0, 2, 100).astype(float)
    low, high = inference.difference(mean_of(rows), mean_of(rows)).interval(0.05)
    assert (low, high) == pytest.approx((-0.0194, 0.0194), abs=5e-4)


def test_seeds_are_a_source_of_error_with_degrees_of_freedom_of_their_own():
    rows = np.random.default_rng(0).normal(0, 1, 400)
    alone = inference.difference(mean_of(rows), mean_of(np.zeros(400)))
    seeds = inference.difference(mean_of(rows, -1.0, 1.0), mean_of(np.zeros(400)))
    assert seeds.error**2 - alone.error**2 == pytest.approx(2 / 2)
    # All but seeds is negligible: one degree of freedom is left.
    assert seeds.df == pytest.approx(1.0, abs=0.01)
    assert alone.df == pytest.approx(399)
    # What one training made in two ways shares its seeds.
    shared = mean_of(rows, 4.0, 6.0), mean_of(np.zeros(400), 3.0, 5.0)
    assert inference.difference(*shared, paired=True).error == pytest.approx(alone.error)
    assert inference.difference(*shared).error > 1


def test_the_mean_over_datasets_adds_their_errors():
    random = np.random.default_rng(0)
    one, two = (mean_of(random.normal(size=n)) for n in (30, 60))
    mean = inference.Estimate(one.parts + two.parts, (np.array([mean_value(one, two)]),))
    low, high = inference.interval(mean, None, 0.95)
    variance = (one.parts[0].variance + two.parts[0].variance) / 4
    assert (low + high) / 2 == pytest.approx(mean_value(one, two))
    welch = variance**2 / (
        (one.parts[0].variance / 4) ** 2 / 29 + (two.parts[0].variance / 4) ** 2 / 59
    )
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, welch) * variance**0.5)


def test_the_interval_of_a_mean_over_splits_is_no_narrower_than_that_of_a_split():
    """Splits of one set share rows: their number lessens the spread between them alone."""
    random = np.random.default_rng(0)
    parts = tuple(mean_of(random.normal(size=n)).parts[0] for n in (30, 60, 45))
    values = np.array([part.value for part in parts])
    mean = inference.Estimate(parts, (np.array([values.mean()]),), values)
    low, high = inference.interval(mean, None, 0.95)
    of_rows = np.mean([part.variance for part in parts])
    spread = values.var(ddof=1) / 3
    # Satterthwaite, at the median-unbiased spread.
    likely = spread * 2 / stats.chi2.median(2)
    df = (of_rows + likely) ** 2 / (of_rows**2 / 29 + likely**2 / 2)
    assert (low + high) / 2 == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, df) * (of_rows + spread) ** 0.5)
    assert mean.clusters == 30
    # Two methods on the same splits are compared split by split.
    same = inference.difference(mean, inference.Estimate(parts, mean.seeds, values - 0.5))
    assert same.value == 0 and same.error < of_rows**0.5 / 5


def mean_value(one, two) -> float:
    return float(one.value + two.value) / 2


def test_holm_by_hand():
    # Sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, then never less than the one before.
    found = inference.holm([0.04, 0.01, 0.03, 0.02], 0.05)
    assert [p for p, _ in found] == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # .01 is rejected by Bonferroni too; the others by neither.
    assert {level for _, level in found} == {0.05 / 4}
    # .02 is rejected at the second step alone, whose level is 5 % over one.
    assert inference.holm([0.001, 0.03], 0.05) == [(0.002, 0.025), (0.03, 0.05)]
    assert inference.holm([0.6, 0.9], 0.05) == [(1.0, 0.025), (1.0, 0.025)]
    assert inference.holm([], 0.05) == []


def test_an_interval_leaves_out_zero_where_p_is_below_its_level():
    random = np.random.default_rng(1)
    for _ in range(200):
        n = int(random.integers(6, 60))
        gaps = mean_of(random.integers(-1, 2, n).astype(float) + random.normal(0, 0.5), 0.1, 0.2)
        found, level = inference.difference(gaps, mean_of(np.zeros(n))), random.random()
        low, high = found.interval(level)
        assert (low > 0 or high < 0) == (found.p < level)


def test_units_are_clusters_or_a_thousand_groups_of_them():
    assert jackknife.units(7, "a").tolist() == list(range(7))
    many = jackknife.units(2500, "a")
    assert np.bincount(many).tolist() == [3] * 500 + [2] * 500
    assert (many == jackknife.units(2500, "a")).all()
    assert (many != jackknife.units(2500, "b")).any()


@pytest.mark.parametrize(("count", "rows"), [(7, 7), (7, 10**6)])
def test_each_unit_is_left_out_once(count, rows):
    weights = np.concatenate(list(jackknife.weights(count, rows)))
    assert (weights == np.concatenate([np.ones((1, count)), 1 - np.eye(count)])).all()
    assert len(list(itertools.chain(*jackknife.weights(5, 5)))) == 1


def test_the_error_of_a_thousand_groups_is_that_of_the_rows():
    random = np.random.default_rng(0)
    hits = random.random(20_000) < 0.8
    unit = jackknife.units(len(hits), "a")
    sizes, right = np.bincount(unit), np.bincount(unit, hits)
    left = (right.sum() - right) / (sizes.sum() - sizes)
    part = inference.Part(np.float64(hits.mean()), left, len(hits))
    assert part.variance**0.5 == pytest.approx((0.16 / len(hits)) ** 0.5, rel=0.07)


def test_the_evaluation_leaves_out_what_the_simulations_leave_out():
    """Two seeds of one method on ten clusters, scored by the evaluation and row by row."""
    random = np.random.default_rng(0)
    cluster, label = np.arange(40) % 10, random.integers(0, 3, 40)
    said = [np.where(random.random(40) < 0.6, label, (label + 1) % 3) for _ in range(2)]
    gold = Gold(
        "data", None, np.full(40, "test"), {}, cluster, ("a", "b", "c"), label, None, True, "mcc"
    )
    everyone = np.ones(40, bool)
    answers = [Answers("data", "m", i, "none", everyone, one) for i, one in enumerate(said)]
    found = scores(gold, everyone, answers, ("study", "suite"))["m", "none"]["accuracy"].estimate
    hits = np.mean([one == label for one in said], axis=0)
    assert found.value == pytest.approx(hits.mean())
    assert found.seeds[0] == pytest.approx([(one == label).mean() for one in said])
    [part] = found.parts
    assert part.left == pytest.approx([hits[cluster != c].mean() for c in range(10)])
