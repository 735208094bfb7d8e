"""The validation scores by hand."""

import numpy as np
import pytest

from seqfuse.codons.scores import score


def test_classes_are_scored_by_accuracy():
    prediction = np.log([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.1, 0.7], [0.5, 0.3, 0.2]])
    assert score(prediction, np.array([0, 1, 0, 0])) == 0.75


def test_values_are_scored_by_spearman():
    prediction = np.array([[1.0], [2.0], [3.0]])
    assert score(prediction, np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)
