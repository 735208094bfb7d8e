"""The local judge's scores, counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.judge import overlap

REFERENCE = "The kappa site binds CBF1; the variant leads to ataxia."
# 9 words: the kappa site binds cbf1 the variant leads to ataxia -> 10 words.


def score(dimension, candidate, reference=REFERENCE):
    return overlap.score(dimension, reference, candidate)[0]


def test_semantic_similarity_is_the_f1_of_words():
    assert len(overlap.words(REFERENCE)) == 10
    # Shared: kappa, variant, ataxia of 10 and 4 words.
    assert score("semantic_similarity", "ataxia variant kappa DNA") == pytest.approx(10 * 6 / 14)
    # A word counts as often as both texts have it: "the" twice.
    assert score("semantic_similarity", "the the the") == pytest.approx(10 * 4 / 13)


def test_logical_coherence_asks_for_the_order_too():
    assert score("logical_coherence", "kappa variant ataxia") == pytest.approx(10 * 6 / 13)
    assert score("logical_coherence", "ataxia variant kappa") == pytest.approx(10 * 2 / 13)


def test_completeness_is_the_share_of_content_words():
    # kappa site binds cbf1 variant ataxia; "the", "leads", "to" say nothing.
    assert score("completeness", "Kappa: CBF1, ataxia and much more besides") == pytest.approx(5)
    assert overlap.score("completeness", REFERENCE, "")[1] == "0 of 6 content words covered"


@pytest.mark.parametrize("dimension", ["semantic_similarity", "logical_coherence", "completeness"])
def test_the_ends_of_the_scale(dimension):
    assert score(dimension, REFERENCE) == 10
    assert score(dimension, "") == 0
    assert score(dimension, "", reference="") == 0


def table(a, b):
    """The longest common subsequence by the textbook's table."""
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            longest = max(lengths[i][j + 1], lengths[i + 1][j])
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if x == y else longest
    return lengths[-1][-1]


texts = st.lists(st.sampled_from("abcd"), max_size=80)


@given(texts, texts)
def test_the_common_subsequence_is_the_textbooks(a, b):
    assert overlap.common_subsequence(a, b) == table(a, b)
