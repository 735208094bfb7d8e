"""Windows of a reference and its variant, by hand and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.bio.alleles import difference, same_stretch
from seqfuse.bio.stated_variant import between
from seqfuse.sequences.windows import cut


@pytest.mark.parametrize(
    "reference, variant, expected",
    [
        ("AACAA", "AAGAA", (2, 1, 1)),  # substitution
        ("AACAA", "AACGAA", (3, 0, 1)),  # insertion
        ("AACGAA", "AACAA", (3, 1, 0)),  # deletion
        ("CATATC", "CATC", (3, 2, 0)),  # of a repeat: CAT | AT | C
        ("AACCAA", "AAGTTAA", (2, 2, 3)),
        ("ACGT", "ACGT", (4, 0, 0)),
    ],
)
def test_difference(reference, variant, expected):
    place, removed, added = difference(reference, variant)
    assert (place, removed, added) == expected
    rebuilt = reference[:place] + variant[place : place + added] + reference[place + removed :]
    assert rebuilt == variant


@pytest.mark.parametrize(
    "reference, variant, policy, expected",
    [
        ("AAACCCGGGT", None, "window", ("ACCCGG", None)),  # the middle: (10 - 6) // 2 = 2
        ("AAACCCGGGT", None, "truncate", ("AAACCC", None)),
        ("AAACCCGGGT", "AAACCCGGTT", "window", ("CCGGGT", "CCGGTT")),  # place 8, at the end
        ("AAACCCGGGT", "ATACCCGGGT", "window", ("AAACCC", "ATACCC")),  # place 1, at the start
        ("AAACCCGGGT", "AAACCTGGGT", "window", ("ACCCGG", "ACCTGG")),  # place 5: 5 - 3 = 2
        ("AAACCCGGGT", "AAACCTTCGGGT", "window", ("ACCC", "ACCTTC")),  # 2 more: 4 of reference
        ("AAACCCGGGT", "AAACGGGT", "window", ("AACCCG", "AACG")),  # 2 fewer: 4 of variant
        ("AAACCCGGGT", "AAACCCGGTT", "truncate", None),  # the variant is behind the limit
        ("AAACCCGGGT", "AAACC" + "T" * 6 + "CGGGT", "window", None),  # longer than the limit
    ],
)  # fmt: skip
def test_cut_to_six(reference, variant, policy, expected):
    assert cut(reference, variant, 6, policy) == expected


DNA = st.text("ACGT", min_size=12, max_size=60)


@given(DNA, st.text("ACGT", max_size=4), st.integers(0, 59), st.integers(0, 4), st.integers(6, 30))
def test_a_window_shows_the_same_stretch_and_the_whole_variant(
    reference, inserted, place, removed, limit
):
    place = min(place, len(reference))
    variant = reference[:place] + inserted + reference[place + removed :]
    found = cut(reference, variant, limit, "window")
    if found is None:
        return
    short, changed = found
    assert max(len(short), len(changed)) <= limit
    # One place of the genome explains both windows.
    assert any(
        reference[i : i + len(short)] == short
        and reference[:i] + changed + reference[i + len(short) :] == variant
        for i in range(len(reference) + 1)
    )


GENOME = "".join(np.random.default_rng(7).choice(list("ACGT"), 400))


@pytest.mark.parametrize("indel", [1, 3, 40])
@pytest.mark.parametrize("inserted", [True, False])
def test_a_variant_cut_to_the_length_of_its_reference(indel, inserted):
    """Their right ends show other places of the genome, so the indel is found behind them."""
    longer, shorter = GENOME, GENOME[:150] + GENOME[150 + indel :]
    reference, variant = (shorter, longer) if inserted else (longer, shorter)
    found = between(reference[:300], variant[:300])
    assert found == between(reference, variant)
    assert len(found.reference) + len(found.alternate) == indel
    assert cut(reference[:300], variant[:300], 120, "window") == cut(
        reference, variant, 120, "window"
    )


def test_what_a_shift_does_not_explain_stays_as_it_is():
    other = GENOME[:150] + GENOME[150:300].translate(str.maketrans("ACGT", "TGCA"))
    assert same_stretch(GENOME[:300], other) == (GENOME[:300], other)
    assert cut(GENOME[:300], other, 120, "window") is None


@given(DNA, st.integers(3, 20))
def test_windows_of_codons_begin_and_end_at_codons(dna, limit):
    kept, _ = cut(dna, None, limit, "window", step=3)
    assert len(kept) == min(len(dna), limit - limit % 3)
    assert any(dna[i : i + len(kept)] == kept for i in range(0, len(dna), 3))
