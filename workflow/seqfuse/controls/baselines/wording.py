"""How a question is worded: counts of its words and of runs of letters, without any DNA.

scikit-learn's hashing vectorizers, which learn nothing from the rows that they count.
"""

from collections.abc import Sequence

from scipy.sparse import csr_array, hstack

# Columns of each kind, words and letters; more n-grams than that share columns.
_COLUMNS = 2**15
# Rows have length 1 for each kind. Tenfold, the strengths of a regression mean what they mean for
# features that are standardised.
_SCALE = 10.0


def counts(questions: Sequence[str]) -> csr_array:
    """Words and pairs of words, and runs of 3 to 5 letters within words, float64[n, columns]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    options = {"n_features": _COLUMNS, "alternate_sign": False}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", **options)
    letters = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **options)
    found = hstack([kind.transform(questions) for kind in (words, letters)], format="csr")
    # Columns that are empty in every row only cost time.
    found = csr_array(found)[:, sorted(set(found.indices))]
    return found * _SCALE
