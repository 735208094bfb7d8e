"""The k-mer vocabulary against ids by hand and a tokeniser written letter by letter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.errors import UserError
from seqfuse.language.methods.kmers import KmerVocabulary

vocabularies = st.builds(
    KmerVocabulary,
    st.integers(1, 8),
    st.sampled_from(["ACGTN", "ACGT"]),
    st.sampled_from([0, 7, 151_936]),
)


def spelt_out(k: int, alphabet: str, offset: int, sequence: str) -> list[int]:
    """The ids by the rule as it is written, one window at a time."""
    ids = []
    for start in range(0, len(sequence), k):
        window = sequence[start : start + k]
        if len(window) == k and set(window) <= set(alphabet):
            number = 0
            for letter in window:
                number = number * len(alphabet) + alphabet.index(letter)
            ids.append(offset + number)
        elif k == 1:
            ids.append(offset + len(alphabet))
        else:
            ids += [offset + len(alphabet) ** k + "ACGTN".index(letter) for letter in window]
    return ids


@pytest.mark.parametrize(
    ("alphabet", "k", "sequence", "ids"),
    [
        # 25 pairs, then A C G T N = 125 .. 129.
        ("ACGTN", 2, "", []),
        ("ACGTN", 2, "A", [125]),
        ("ACGTN", 2, "AA", [100]),
        ("ACGTN", 2, "CAGT", [105, 113]),
        ("ACGTN", 2, "NNT", [124, 128]),
        # 16 pairs, then A C G T N = 116 .. 120; a pair with an N is two letters.
        ("ACGT", 2, "TTGCA", [115, 109, 116]),
        ("ACGT", 2, "ANAC", [116, 120, 101]),
        ("ACGT", 2, "NNN", [120, 120, 120]),
        ("ACGTN", 1, "ACGTN", [100, 101, 102, 103, 104]),
        ("ACGT", 1, "NTA", [104, 103, 100]),
        ("ACGTN", 6, "ACGTAC" + "GT", [100 + 0 * 3125 + 625 + 250 + 75 + 0 + 1, 15727, 15728]),
    ],
)
def test_ids_by_hand(alphabet, k, sequence, ids):
    assert KmerVocabulary(k, alphabet, 100).encode(sequence).tolist() == ids


@pytest.mark.parametrize(
    ("k", "kmers"), [(1, 5), (2, 25), (3, 125), (4, 625), (6, 15_625), (7, 78_125)]
)
def test_sizes_of_the_paper(k, kmers):
    vocabulary = KmerVocabulary(k, "ACGTN", 151_936)
    assert vocabulary.kmers == kmers
    letters = 0 if k == 1 else 5
    assert vocabulary.size == kmers + letters + 2
    assert vocabulary.start == 151_936 + kmers + letters
    assert vocabulary.stop == vocabulary.start + 1


def test_words_by_hand():
    assert KmerVocabulary(1, "ACGT", 0).words == ["A", "C", "G", "T", "N", "<dna>", "</dna>"]
    assert KmerVocabulary(1, "ACGTN", 0).words == ["A", "C", "G", "T", "N", "<dna>", "</dna>"]
    pairs = KmerVocabulary(2, "ACGT", 0).words
    assert pairs[:5] == ["AA", "AC", "AG", "AT", "CA"]
    assert pairs[15:] == ["TT", "A", "C", "G", "T", "N", "<dna>", "</dna>"]


@given(vocabularies, st.text("ACGTN", max_size=40))
def test_encode_follows_the_rule_and_decode_inverts_it(vocabulary, sequence):
    ids = vocabulary.encode(sequence)
    assert ids.dtype == np.int64
    assert ids.tolist() == spelt_out(vocabulary.k, vocabulary.alphabet, vocabulary.offset, sequence)
    # The words of k = 8 are 390,625 strings: decode is tried where they are few.
    if vocabulary.k <= 5:
        assert vocabulary.decode(ids) == sequence


@given(vocabularies, st.text("ACGT", max_size=40))
def test_ids_stay_between_offset_and_markers(vocabulary, sequence):
    ids = vocabulary.encode(sequence)
    assert all(vocabulary.offset <= i < vocabulary.start for i in ids)
    assert len(ids) == len(sequence) // vocabulary.k + len(sequence) % vocabulary.k


@pytest.mark.parametrize(
    ("sequence", "letter", "place"),
    [("ACGu", "u", 4), ("aCGT", "a", 1), ("ACRN", "R", 3), ("AC GT", " ", 3), ("A\u20acC", "€", 2)],
)
def test_foreign_letters_are_refused_by_place(sequence, letter, place):
    with pytest.raises(UserError, match=f"DNA holds '{letter}' at position {place};"):
        KmerVocabulary(2, "ACGTN", 0).encode(sequence)
