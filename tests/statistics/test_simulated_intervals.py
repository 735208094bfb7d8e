"""Intervals and tests on data of known truth: a small part of `make test-statistics`.

The names hold "interval", so that `pytest -k interval` is what CI can afford of it.
"""

import numpy as np
import pytest
from scipy.stats import binom

from bench import simulations
from seqfuse.statistics import inference

# Of every section one case or two, in which a wrong procedure shows.
CHOSEN = (
    "accuracy 0.9, 50 rows",
    "accuracy 0.7, 10 clusters",
    "macro F1 .7, 20 clusters",
    "accuracy .98, 20 rows",
    "3 splits, SD of trainings 0.15",
    "accuracies .8 and .7, 10 clusters",
    "2 seeds, SD 0.05, 200 rows",
    "3 seeds, SD 0.15, 60 rows",
    "none differs: any false verdict",
)
CASES = {case.title: case for case in simulations.cases()}


@pytest.mark.parametrize("title", CHOSEN)
def test_the_interval_and_the_test_keep_what_they_say(title):
    outcome = CASES[title].run(simulations.DRAWS)
    assert outcome.passes, f"{title}: {outcome.share:.3f}"


def test_chance_fails_no_right_interval_and_passes_none_at_seven_percent():
    """Of the binomial bound alone, at 3,000 draws."""
    case, draws = CASES["none differs: any false verdict"], simulations.DRAWS
    most = max(n for n in range(300) if simulations.Outcome(case, draws, n).passes)
    assert binom.cdf(most, draws, 0.05) > 0.99
    assert binom.cdf(most, draws, 0.07) < 0.03


def seven_percent(monkeypatch):
    """p values that are below 5 % in seven tests of a hundred."""
    right = inference.Difference.p
    monkeypatch.setattr(
        inference.Difference, "p", property(lambda one: right.fget(one) * 0.05 / 0.07)
    )


def rows_alone(monkeypatch):
    """Errors without seeds."""
    monkeypatch.setattr(
        inference,
        "_together",
        lambda found, rows: (sum(rows), np.full(np.shape(rows[0]), found.parts[0].df)),
    )


def normal(monkeypatch):
    """The normal distribution in place of t."""
    right = inference.stdtrit
    monkeypatch.setattr(inference, "stdtrit", lambda _, share: right(1e9, share))


@pytest.mark.parametrize(
    ("title", "spoil"),
    [
        ("one seed, 100 rows", seven_percent),
        ("2 seeds, SD 0.05, 200 rows", rows_alone),
        ("accuracy 0.5, 10 clusters", normal),
    ],
)
def test_a_broken_procedure_fails_its_interval_case(monkeypatch, title, spoil):
    assert CASES[title].run(simulations.DRAWS).passes
    spoil(monkeypatch)
    assert not CASES[title].run(simulations.DRAWS).passes
