"""The local judge's score, counted by hand."""

import pytest

from seqfuse.judge import overlap
from seqfuse.registry import judges

REFERENCE = "The kappa site binds CBF1; the variant leads to ataxia."
# 10 words: the kappa site binds cbf1 the variant leads to ataxia.


def score(candidate, reference=REFERENCE):
    return overlap.score(reference, candidate)[0]


def test_it_is_the_f1_of_words():
    assert len(overlap.words(REFERENCE)) == 10
    # Shared: kappa, variant, ataxia of 10 and 4 words.
    assert score("ataxia variant kappa DNA") == pytest.approx(10 * 6 / 14)
    # A word counts as often as both texts have it: "the" twice.
    assert score("the the the") == pytest.approx(10 * 4 / 13)
    assert overlap.score(REFERENCE, "kappa")[1] == "1 words shared"


def test_the_ends_of_the_scale():
    assert score(REFERENCE) == 10
    assert score("") == 0
    assert score("", reference="") == 0


def test_it_claims_nothing_that_a_model_is_asked_for():
    assert judges.dimensions(judges.OVERLAP).keys().isdisjoint(judges.DIMENSIONS)
