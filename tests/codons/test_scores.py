"""The validation scores against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from seqfuse.codons.scores import score, spearman

# Few different numbers, so that there are ties.
VALUES = st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), min_size=2, max_size=30)


@settings(deadline=None)
@given(VALUES)
def test_spearman_is_scipys(pairs):
    x, y = np.array(pairs, np.float64).T
    if np.ptp(x) and np.ptp(y):
        assert spearman(x, y) == pytest.approx(spearmanr(x, y)[0], abs=1e-12)
    else:
        assert spearman(x, y) == 0


def test_spearman_sees_ranks_alone():
    x = np.array([0.1, 5.0, 2.0, 9.0])
    assert spearman(x, np.exp(x)) == pytest.approx(1)
    assert spearman(x, -(x**3)) == pytest.approx(-1)


def test_classes_are_scored_by_accuracy():
    prediction = np.log([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.1, 0.7], [0.5, 0.3, 0.2]])
    assert score(prediction, np.array([0, 1, 0, 0])) == 0.75


def test_values_are_scored_by_spearman():
    prediction = np.array([[1.0], [2.0], [3.0]])
    assert score(prediction, np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)
