"""Resamples: what is drawn, that it is repeatable, and that intervals cover what they say."""

import numpy as np
import pytest

from seqfuse.evaluation import bootstrap


def drawn(clusters: int, resamples: int, name: str = "a") -> np.ndarray:
    blocks = bootstrap.cluster_weights(clusters, clusters, resamples, bootstrap.generator(name))
    return np.concatenate(list(blocks))


def test_a_resample_draws_as_many_clusters_as_there_are():
    weights = drawn(50, 3000)
    assert weights.shape == (3000, 50)
    assert (weights.sum(axis=1) == 50).all()
    # Each cluster is left out of a resample with probability (1 - 1/50)^50.
    assert (weights == 0).mean() == pytest.approx((1 - 1 / 50) ** 50, abs=0.01)


def test_draws_depend_on_names_alone():
    assert (drawn(9, 20, "a") == drawn(9, 20, "a")).all()
    assert (drawn(9, 20, "a") != drawn(9, 20, "b")).any()


def test_blocks_do_not_change_the_number_of_resamples():
    many = bootstrap.cluster_weights(3, 100_000, 11, bootstrap.generator("a"))
    sizes = [len(block) for block in many]
    assert sum(sizes) == 11
    assert len(sizes) > 1


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(400):
        rows = random.normal(size=60)
        low, high = bootstrap.interval(drawn(60, 400, str(trial)) @ rows / 60, 0.9)
        covered += low <= 0 <= high
    # A percentile interval of 60 rows is slightly narrow; 400 trials have a deviation of .015.
    assert 0.84 <= covered / 400 <= 0.94


def test_two_seeds_give_the_variance_of_their_mean():
    # The mean of two seeds with values 0 and 1 has the estimated variance s^2 / 2 = .25.
    shares = bootstrap.seed_weights(2, 4000, bootstrap.generator("a"))
    draws = shares @ np.array([0.0, 1.0])
    assert draws.var() == pytest.approx(0.25, rel=0.01)
    assert draws.mean() == pytest.approx(0.5, abs=0.03)


def test_one_seed_adds_nothing():
    assert (bootstrap.seed_weights(1, 10, bootstrap.generator("a")) == 1).all()


def test_the_interval_by_hand():
    assert bootstrap.interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))
