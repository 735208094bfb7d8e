"""Families of comparisons and verdicts, by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from seqfuse.statistics import comparisons, inference

RULE = comparisons.Rule(level=0.05, margin=0.05)


def paired(value: float, error: float, clusters: int = 50, better: str = "higher"):
    """A comparison of two shares with a difference and its standard error."""
    found = inference.Difference(*map(np.array, (value, value, error, float(clusters - 1))))
    return comparisons.Compared(found, better, most=1.0, clusters=clusters, attainable=1.0)


def of_p(*p_values: float) -> list[comparisons.Compared]:
    """Comparisons with these p values."""
    return [paired(0.1, 0.1 / stats.t.isf(p / 2, 49)) for p in p_values]


def test_a_pair_in_two_families_is_judged_by_the_stricter():
    one, two = comparisons.judged(of_p(0.02, 0.9), [[0], [0, 1]], RULE)
    assert (one["p"], one["p_holm"]) == pytest.approx((0.02, 0.04))
    assert one["verdict"] == "better" and one["low"] > 0
    assert two["verdict"] == "not significant after Holm (p = 0.9)"


def test_an_interval_leaves_out_zero_where_the_verdict_says_so_and_nowhere_else():
    random, found = np.random.default_rng(0), set()
    for _ in range(300):
        tests = int(random.integers(1, 9))
        families = [list(range(tests)), sorted(set(random.integers(0, tests, 3).tolist()))]
        for row in comparisons.judged(of_p(*random.beta(0.3, 2, tests)), families, RULE):
            apart = row["low"] > 0 or row["high"] < 0
            assert apart == (row["verdict"] == "better") == (row["p_holm"] < RULE.level)
            found.add((apart, row["p"] < RULE.level))
    assert found == {(True, True), (False, True), (False, False)}


@pytest.mark.parametrize(
    ("value", "error", "better", "words"),
    [
        (0.1, 0.02, "higher", "better"),
        (-0.1, 0.02, "higher", "worse"),
        (-0.1, 0.02, "lower", "better"),
        (0.1, 0.08, "higher", "not significant after Holm (p = 0.217)"),
    ],
)
def test_verdicts(value, error, better, words):
    [row] = comparisons.judged([paired(value, error, better=better)], [[0]], RULE)
    assert row["verdict"] == words


def test_equivalence_is_two_one_sided_tests_against_the_margin():
    near, far = comparisons.judged([paired(0.01, 0.01), paired(0.01, 0.05)], [[0, 1]], RULE)
    one_sided = stats.t.sf((0.05 - 0.01) / 0.01, 49)
    assert near["p_equivalent"] == pytest.approx(2 * one_sided)
    assert near["equivalence"].startswith("equivalent within")
    assert far["equivalence"].startswith("not shown to be equivalent within")


def test_the_detectable_difference_is_found_four_times_in_five():
    """Of a true difference of that size, in 20,000 draws of 30 rows."""
    [row] = comparisons.judged([paired(0.0, 1 / 30**0.5, clusters=30)], [[0]], RULE)
    random = np.random.default_rng(1)
    draws = random.normal(row["detectable"], 1, size=(20_000, 30))
    power = (stats.ttest_1samp(draws, 0, axis=1).pvalue < RULE.level).mean()
    assert power == pytest.approx(inference.POWER, abs=0.02)


def test_no_interval_goes_beyond_what_two_scores_can_differ():
    [row] = comparisons.judged([paired(0.5, 0.4)], [[0]], RULE)
    assert row["low"] == pytest.approx(0.5 - stats.t.isf(0.025, 49) * 0.4) and row["high"] == 1.0
    # Nothing that could be would have been found.
    assert row["detectable"] == float("inf")


@pytest.mark.parametrize(
    ("one", "other", "found"),
    # A correlation of 0.4 or 0.5 is at most 1.5 from any other, one of 0 at most 1.
    [(0.4, 0.5, True), (0.0, 0.0, False), (1.0, 1.0, True)],
)
def test_no_difference_is_detectable_that_no_score_can_have(one, other, found):
    left = np.random.default_rng(0).normal(0, 0.14, 8)
    scores = [
        inference.Estimate((inference.Part(np.array(score), score + sign * left, 8),), ())
        for score, sign in ((one, 1), (other, -1))
    ]
    compared = comparisons.compare(*scores, ends=(-1.0, 1.0))
    [row] = comparisons.judged([compared], [[0]], RULE)
    assert 1 < float(compared.difference.detectable(RULE.level)) < 1.5
    assert np.isfinite(row["detectable"]) == found


def test_what_has_too_few_clusters_is_in_no_family():
    nan = float("nan")
    rows = comparisons.judged([*of_p(0.03), paired(0.3, nan, clusters=5)], [[0, 1]], RULE)
    assert rows[0]["p_holm"] == pytest.approx(0.03)
    assert rows[1]["verdict"] == "no interval can be had of 5 clusters of rows"
    assert rows[1]["equivalence"] == rows[1]["verdict"]


def test_the_verdict_on_all_controls_names_those_that_stand():
    rows = [
        {"against": "majority", "verdict": "better"},
        {"against": "composition", "verdict": "not significant after Holm (p = 0.3)"},
        {"against": "kmer", "verdict": "worse"},
    ]
    assert comparisons.verdict_on_all(rows[:1]) == "beats every control"
    assert comparisons.verdict_on_all(rows) == "does not beat composition, kmer"


def test_numbers_of_families_do_not_depend_on_their_order():
    rows = of_p(0.001, 0.02, 0.03, 0.2)
    plain = comparisons.judged(rows, [[0, 1, 2, 3]], RULE)
    for order in itertools.permutations(range(4)):
        turned = comparisons.judged([rows[i] for i in order], [[0, 1, 2, 3]], RULE)
        assert [turned[order.index(i)] for i in range(4)] == plain
