"""The stored spelling, against a letter-by-letter version; keys and hashes against hashlib."""

import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.bio.normalise import first_foreign, keys, normalise, sha256

LETTERS = "ACGTUNRYSWKMBDHVacgtunryswkmbdhv-. \t\nEFILPQZ*é"


def plainly(text: str) -> tuple[str, int, int, int]:
    """(spelling, ambiguous, foreign, known) of one sequence, a letter at a time."""
    letters, ambiguous, foreign, known = "", 0, 0, 0
    for byte in text.upper().replace("U", "T").encode():
        letter = chr(byte)
        if letter in "- \t\n":
            continue
        ambiguous += letter in "RYSWKMBDHV"
        foreign += letter not in "ACGTNRYSWKMBDHV"
        known += letter in "ACGT"
        letters += letter if letter in "ACGT" else "N"
    return letters, ambiguous, foreign, known


def test_by_hand():
    found = normalise(pa.array(["acgu-Nn", "ARC", None, "", "AXE"], pa.string()))
    assert found.letters.to_pylist() == ["ACGTNN", "ANC", None, "", "ANN"]
    assert found.ambiguous.tolist() == [0, 1, 0, 0, 0]
    assert found.foreign.tolist() == [0, 0, 0, 0, 2]
    assert found.known.tolist() == [4, 2, 0, 0, 1]
    found = normalise(pa.array(["A C-", None, "--\tG\n-"], pa.string()))
    assert found.spaces.tolist() == [1, 0, 2] and found.gaps.tolist() == [1, 0, 3]


@given(st.lists(st.none() | st.text(LETTERS, max_size=30), max_size=8), st.integers(0, 3))
def test_any_column_and_any_slice_of_it(texts, first):
    column = pa.array(texts, pa.string())[first:]
    found = normalise(column)
    for row, text in enumerate(column.to_pylist()):
        counts = (found.ambiguous[row], found.foreign[row], found.known[row])
        assert (found.letters[row].as_py() or "", *counts) == plainly(text or "")
        assert found.letters[row].is_valid == (text is not None)


def test_first_foreign_letter():
    assert first_foreign("ACRNu-xZ") == "x"


def test_keys_tell_apart_nulls_empty_texts_and_borders():
    first = pa.array(["a", "a", "ab", None, "", "a"])
    second = pa.array(["bc", "b", "c", "x", "x", "bc"])
    found = keys(first, second)
    assert found[0] == found[5] and len(set(found.tolist())) == 5


def test_sha256_is_that_of_the_text():
    column = pa.array(["ACGT", "", "GG"] * 2)[1:5]
    assert sha256(column) == [
        hashlib.sha256(text.encode()).hexdigest() for text in ("", "GG", "ACGT", "")
    ]
    assert normalise(column).letters.to_pylist() == ["", "GG", "ACGT", ""]
    assert np.array_equal(keys(column[:1]), keys(column[3:]))
