"""Linear probes: what is planted is found, what is not there is not, and groups stay whole."""

import numpy as np
import pytest

from seqfuse.statistics import linear_probes, separation

BASES = np.array(list("ACGT"))


def accuracy(features, classes, groups, folds=5, gold=None):
    fold = linear_probes.folds_of(classes, groups, folds)
    gold = classes if gold is None else gold
    return (linear_probes.predicted(features, gold, fold) == gold).mean()


@pytest.fixture
def drawn():
    """120 rows in 40 groups, a base each, and 16 features that say nothing."""
    random = np.random.default_rng(0)
    classes = BASES[random.integers(4, size=120)]
    return classes, np.arange(120) % 40, random.normal(size=(120, 16))


def test_planted_bases_are_read_off_states_that_hold_them(drawn):
    classes, groups, noise = drawn
    held = np.concatenate([3.0 * (classes[:, None] == BASES), noise], axis=1)
    assert accuracy(held, classes, groups) > 0.95
    # The same states say nothing of the targets of other rows.
    others = linear_probes.shuffled(classes, groups)
    assert abs(accuracy(held, classes, groups, gold=others) - 0.25) < 0.15


def test_planted_nothing_is_read_off_noise(drawn):
    classes, groups, noise = drawn
    assert abs(accuracy(noise, classes, groups) - 0.25) < 0.15


def test_what_tells_groups_apart_tells_no_new_group():
    # Each of 24 groups has a direction of its own and a label by chance: rows of a group that were
    # seen would give it away, those of a new one cannot.
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(24), 5)
    directions = random.normal(size=(24, 64))
    classes = BASES[random.integers(2, size=24)][groups]
    features = directions[groups] + 0.01 * random.normal(size=(120, 64))
    assert accuracy(features, classes, np.arange(120)) > 0.95
    assert accuracy(features, classes, groups) < 0.75


def test_folds_hold_groups_whole_and_every_class():
    classes, groups = np.repeat(BASES, 15), np.arange(60) // 3
    fold = linear_probes.folds_of(classes, groups, 5)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
    assert all(len(set(fold[classes == base])) == 5 for base in BASES)


def test_shuffled_targets_are_those_of_other_groups():
    classes, groups = np.repeat(BASES, 10), np.repeat(np.arange(8), 5)
    found = linear_probes.shuffled(classes, groups)
    assert all(len(set(found[groups == group])) == 1 for group in range(8))
    assert sorted(found) == sorted(classes) and (found != classes).any()


def test_the_gap_by_hand():
    one = np.array([[0.0, 1.0], [0.0, -1.0]])
    # Centroids 3 apart; every vector is 1 from its own.
    assert separation.gap(one, one + [3, 0]) == pytest.approx(3)
    assert separation.gap(one, one) == 0
    assert separation.gap(one[:1], one[1:]) == np.inf


def test_planted_kinds_are_separable_and_the_same_kind_is_not():
    random = np.random.default_rng(2)
    one, other = random.normal(size=(2, 100, 8))
    assert separation.separable(one, other + 4) == 1.0
    assert abs(separation.separable(one, other) - 0.5) < 0.15
