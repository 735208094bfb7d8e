"""The paired test, Holm's correction and verdicts, by hand."""

import numpy as np
import pytest
from scipy import stats

from seqfuse.evaluation import compare


def test_holm_by_hand():
    # Sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, then never less than the one before.
    assert compare.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert compare.holm([0.6, 0.9]) == [1.0, 1.0]
    assert compare.holm([]) == []


def test_mcnemar_is_the_binomial_test_of_the_rows_that_differ():
    # Nine rows that the first alone has right, two that the second has; the others agree.
    first = np.array([True] * 9 + [False] * 2 + [True] * 30)
    second = np.array([False] * 9 + [True] * 2 + [True] * 30)
    expected = stats.binomtest(9, 11, 0.5).pvalue
    assert compare.mcnemar(first, second) == pytest.approx(expected)
    assert compare.mcnemar(second, first) == pytest.approx(expected)
    assert compare.mcnemar(first, first) == 1.0


def test_p_is_the_paired_t_test_where_draws_have_its_standard_error():
    random = np.random.default_rng(0)
    rows = random.normal(0.3, 1, size=40)
    error = rows.std(ddof=1) / np.sqrt(40)
    draws = random.normal(rows.mean(), error, size=200_000)
    expected = stats.ttest_1samp(rows, 0).pvalue
    assert compare.p_value(rows.mean(), draws, 40) == pytest.approx(expected, rel=0.05)


def test_p_has_the_floor_of_a_sign_flip_test():
    assert compare.p_value(0.5, np.full(100, 0.5), 5) == 2**-4
    assert compare.p_value(-0.5, np.random.default_rng(0).normal(-0.5, 1e-6, 100), 5) == 2**-4


def test_no_difference_and_no_second_cluster_give_no_evidence():
    assert compare.p_value(0.0, np.zeros(10), 30) == 1.0
    assert compare.p_value(0.4, np.full(10, 0.4), 1) == 1.0


@pytest.mark.parametrize(
    ("difference", "p", "better", "words"),
    [
        (0.1, 0.049, "higher", "better"),
        (-0.1, 0.049, "higher", "worse"),
        (-0.1, 0.049, "lower", "better"),
        (0.1, 0.051, "higher", "inside the noise"),
    ],
)
def test_verdicts(difference, p, better, words):
    assert compare.verdict(difference, p, 0.95, better) == words


def test_the_verdict_on_all_controls_names_those_that_stand():
    rows = [
        {"against": "majority", "verdict": "better"},
        {"against": "composition", "verdict": "inside the noise"},
        {"against": "kmer", "verdict": "worse"},
    ]
    assert compare.verdict_on_all(rows[:1]) == "beats every control"
    assert compare.verdict_on_all(rows) == "does not beat composition, kmer"
