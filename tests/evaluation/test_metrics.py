"""Every metric against scikit-learn's and scipy's, and against numbers worked out by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn

from seqfuse.evaluation import metrics

CLASSES = 4
labels = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES)), min_size=1, max_size=60
)
# Few distinct values, so that ties are the rule.
pairs = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=40)


def classified(gold, predicted):
    counted = metrics.counts(np.array(gold), np.array(predicted), CLASSES + 1)
    return {name: float(value) for name, value in metrics.classification(counted).items()}


@given(labels)
def test_metrics_of_classes_are_scikit_learns(rows):
    gold, predicted = map(list, zip(*rows, strict=True))
    found = classified(gold, predicted)
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(gold, predicted))
    with warnings.catch_warnings():
        # A single class in gold and prediction: scikit-learn warns and gives 0.
        warnings.simplefilter("ignore")
        assert found["mcc"] == pytest.approx(sklearn.matthews_corrcoef(gold, predicted))
    averages = {
        "macro": {"average": "macro", "labels": sorted(set(gold))},
        "union": {"average": "macro", "labels": sorted({*gold, *predicted})},
        "weighted": {"average": "weighted", "labels": sorted({*gold, *predicted})},
    }
    for name, how in averages.items():
        expected = sklearn.precision_recall_fscore_support(gold, predicted, zero_division=0, **how)[
            :3
        ]
        ours = [found[f"{name}_{metric}"] for metric in ("precision", "recall", "f1")]
        assert ours == pytest.approx(expected), name


def test_metrics_of_classes_by_hand():
    # Classes a a a b b c; the last answer is no label (index 4).
    found = classified([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 4])
    assert found["accuracy"] == pytest.approx(4 / 6)
    # a: P 1, R 2/3, F .8; b: P 2/3, R 1, F .8; c: 0. Over gold classes, three.
    assert found["macro_f1"] == pytest.approx(1.6 / 3)
    assert found["macro_precision"] == pytest.approx(5 / 9)
    # Over gold and predicted, the invalid answer is a fourth class that scores 0.
    assert found["union_f1"] == pytest.approx(1.6 / 4)
    assert found["weighted_f1"] == pytest.approx((3 * 0.8 + 2 * 0.8) / 6)
    # R_K: covariance 4*6 - (3*2 + 2*3) = 12; spreads 36 - 14 = 22 and 36 - 14 = 22.
    assert found["mcc"] == pytest.approx(12 / 22)


def test_binary_mcc_by_hand():
    # TP 3, FN 1, FP 2, TN 4: (3*4 - 2*1) / sqrt(5*4*6*5).
    gold = [1] * 4 + [0] * 6
    predicted = [1, 1, 1, 0] + [1, 1, 0, 0, 0, 0]
    assert classified(gold, predicted)["mcc"] == pytest.approx(10 / np.sqrt(600))


@given(pairs)
def test_metrics_of_regression_are_scikit_learns(rows):
    gold, predicted = np.array(rows, dtype=float).T
    sums = metrics.regression_sums(gold, predicted).sum(axis=0)
    found = metrics.regression(sums, np.float64(len(gold)))
    assert found["mae"] == pytest.approx(sklearn.mean_absolute_error(gold, predicted))
    varied = np.ptp(gold) > 0
    expected = sklearn.r2_score(gold, predicted) if varied else 0.0
    assert found["r2"] == pytest.approx(expected, abs=1e-9)
    expected = stats.pearsonr(gold, predicted).statistic if varied and np.ptp(predicted) else 0.0
    assert found["pearson"] == pytest.approx(expected, abs=1e-9)


def test_regression_by_hand():
    # Errors 0, 1, 0, 1; gold's spread about its mean 2.5 is 5.
    sums = metrics.regression_sums(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 3, 3])).sum(axis=0)
    found = metrics.regression(sums, np.float64(4))
    assert found["r2"] == pytest.approx(1 - 2 / 5)
    assert found["mae"] == pytest.approx(0.5)


def test_a_class_that_a_resample_leaves_out_is_left_out_of_its_mean():
    # Ten classes of one row each, all right but one. Left out, a class moves the mean by chance
    # alone; scored 0, the 1 in e of the classes that a resample misses would take .33 from it.
    gold, random = np.arange(10), np.random.default_rng(0)
    predicted = np.where(gold == 0, 1, gold)
    drawn = random.integers(0, 10, size=(4000, 10))
    counted = np.stack([metrics.counts(gold[rows], predicted[rows], 10) for rows in drawn])
    recall = metrics.classification(counted)["macro_recall"]
    assert recall.mean() == pytest.approx(0.9, abs=0.01)


def test_calibration_by_hand():
    # Two rows in the last bin (gap of the mean: |1/2 - .95|), two in the bin of .5 (|1 - .5|).
    bins = metrics.calibration_bins(np.array([0.95, 0.95, 0.5, 0.5]), np.array([1, 0, 1, 1]))
    error = metrics.calibration_error(bins.sum(axis=0), np.float64(4))
    assert error == pytest.approx(0.5 * 0.45 + 0.5 * 0.5)
    perfect = metrics.calibration_bins(np.array([1.0, 1.0]), np.array([1, 1]))
    assert metrics.calibration_error(perfect.sum(axis=0), np.float64(2)) == 0


def test_reliability_by_hand():
    # Two answers in (14/15, 1], one on the edge of (7/15, 8/15].
    rows = metrics.reliability(np.array([0.95, 1.0, 8 / 15]), np.array([True, False, True]))
    assert rows == [
        {"low": 7 / 15, "high": 8 / 15, "confidence": 8 / 15, "accuracy": 1.0, "n": 1},
        {"low": 14 / 15, "high": 1.0, "confidence": 0.975, "accuracy": 0.5, "n": 2},
    ]
