"""What each probe does to the DNA, by hand: SNV, deletion, one sequence."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.language.probing.alterations import altered, other, scramble

SNV = ("ACGTAN", "ACTTAN")
DELETION = ("GATTACA", "GATTA")
ONE = ("CCAGT",)


@pytest.mark.parametrize(
    ("probe", "dna", "expected"),
    [
        ("swap", SNV, ("ACTTAN", "ACGTAN")),
        ("swap", DELETION, ("GATTA", "GATTACA")),
        ("swap", ONE, None),
        ("revert", SNV, ("ACGTAN", "ACGTAN")),
        ("revert", DELETION, ("GATTACA", "GATTACA")),
        ("revert", ONE, None),
        ("blank", SNV, ("AAAAAA", "AAAAAA")),
        ("blank", DELETION, ("AAAAAAA", "AAAAA")),
        ("blank", ONE, ("AAAAA",)),
        ("reverse_complement", SNV, ("NTACGT", "NTAAGT")),
        ("reverse_complement", DELETION, ("TGTAATC", "TAATC")),
        ("reverse_complement", ONE, ("ACTGG",)),
        ("shift", SNV, ("CGTANA", "CTTANA")),
        ("shift", DELETION, ("ATTACAG", "ATTAG")),
        ("shift", ONE, ("CAGTC",)),
    ],
)
def test_by_hand(probe, dna, expected):
    assert altered(probe, ["r1"], [dna]) == [expected]


def test_shift_moves_every_kmer_by_one():
    """ACG|TTC|AAG -> CGT|TCA|AGA: no 3-mer is one that stood there."""
    (found,) = altered("shift", ["r1"], [("ACGTTCAAG",)])
    assert [found[0][i : i + 3] for i in (0, 3, 6)] == ["CGT", "TCA", "AGA"]


sequences = st.text("ACGTN", min_size=1, max_size=30)


@given(dna=st.one_of(st.tuples(sequences), st.tuples(sequences, sequences)))
def test_scramble_keeps_composition_and_nothing_else(dna):
    (found,) = altered("scramble", ["r1"], [dna])
    assert list(map(Counter, found)) == list(map(Counter, dna))
    # The same record is drawn the same, whatever stands beside it; another one differently.
    assert altered("scramble", ["r0", "r1"], [ONE, dna])[1] == found


def test_scramble_draws_each_sequence_and_each_record_on_its_own():
    long = "ACGT" * 20
    first, second = altered("scramble", ["r1", "r2"], [(long, long), (long, long)])
    assert len({long, *first, *second}) == 5
    assert scramble((long,), np.random.default_rng(1)) == scramble(
        (long,), np.random.default_rng(1)
    )


def test_other_is_a_ring_in_which_none_keeps_its_own():
    dnas = [("A",), ("C",), ("G",), ("T",)]
    ids = ["w", "x", "y", "z"]
    found = altered("other", ids, dnas)
    assert sorted(found) == sorted(dnas)
    assert all(one != own for one, own in zip(found, dnas, strict=True))


def test_other_never_gives_the_same_dna_of_another_record():
    dnas = [SNV, SNV, ONE, SNV]
    for seed in range(10):
        found = other(dnas, np.random.default_rng(seed))
        assert found[2] == SNV
        assert [found[i] for i in (0, 1, 3)] == [ONE] * 3
    assert altered("other", ["a", "b"], [SNV, SNV]) == [None, None]
    assert altered("other", ["a"], [SNV]) == [None]


@given(dna=st.one_of(st.tuples(sequences), st.tuples(sequences, sequences)))
def test_twice_is_once_for_strand_and_place(dna):
    for probe in ("reverse_complement", "swap"):
        (once,) = altered(probe, ["r"], [dna])
        if once is not None:
            assert altered(probe, ["r"], [once]) == [dna]
