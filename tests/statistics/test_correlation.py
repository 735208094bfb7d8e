"""Spearman's correlation against scipy's and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from seqfuse.statistics.correlation import spearman

# Few different numbers, so that there are ties.
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), min_size=2, max_size=30)


@given(PAIRS, st.integers(0, 2**32 - 1))
def test_it_is_scipys_on_repeated_rows(pairs, seed):
    x, y = np.array(pairs, np.float64).T
    weights = np.random.default_rng(seed).integers(0, 3, (2, len(x)))
    weights[0] = 1
    found = spearman(x, y, weights)
    assert found[0] == spearman(x, y)[0]
    for ours, times in zip(found, weights, strict=True):
        a, b = np.repeat(x, times), np.repeat(y, times)
        constant = len(a) == 0 or np.ptp(a) == 0 or np.ptp(b) == 0
        expected = 0.0 if constant else spearmanr(a, b).statistic
        assert ours == pytest.approx(expected, abs=1e-12)


def test_ties_by_hand():
    # Ranks 1 2 3 and 1.5 1.5 3: covariance 0.75, deviations 1 and sqrt(0.75).
    found = spearman(np.array([1.0, 2, 3]), np.array([4.0, 4, 9]))
    assert found == pytest.approx([0.75**0.5])


def test_it_sees_ranks_alone():
    x = np.array([0.1, 5.0, 2.0, 9.0])
    assert spearman(x, np.exp(x)) == pytest.approx([1])
    assert spearman(x, -(x**3)) == pytest.approx([-1])
