"""Lookups by hand."""

import numpy as np

from seqfuse.sequences import lookups


def array(*numbers):
    return np.array(numbers, np.uint64)


def test_ranked_by_frequency_then_appearance():
    assert lookups.ranked(array(7, 3, 9, 3, 7, 1)).tolist() == [7, 3, 9, 1]


def test_commonest_label_of_each_key_ties_to_the_label_more_frequent_in_train():
    keys = array(1, 1, 1, 2, 2, 3, 3, 3)
    labels = array(5, 6, 6, 5, 8, 5, 8, 5)
    known, answers = lookups.commonest(keys, labels)
    assert known.tolist() == [1, 2, 3] and answers.tolist() == [6, 5, 5]
    # A tie of two labels of equal frequency goes to the one that came first.
    known, answers = lookups.commonest(array(4, 4), array(9, 2))
    assert answers.tolist() == [9]


def test_answers_and_fallback():
    table = (array(2, 5), array(20, 50))
    predicted, seen = lookups.answer(table, array(5, 1, 2, 9), 7)
    assert predicted.tolist() == [50, 7, 20, 7] and seen.tolist() == [True, False, True, False]


def test_means():
    known, means = lookups.means(array(2, 1, 2), np.array([1.0, 5.0, 4.0]))
    assert known.tolist() == [1, 2] and means.tolist() == [5.0, 2.5]
