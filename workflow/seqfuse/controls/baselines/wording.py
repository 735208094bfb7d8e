"""Features of a question's wording, without any DNA: counts of its words and of letter n-grams.

They come from scikit-learn's hashing vectorizers, which are not fitted to any rows.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array, hstack

# Columns for words and as many for letters; some n-grams share a column.
_COLUMNS = 2**15
# The vectorizers give each row length 1. This factor makes a regression's penalty as strong as it
# is on standardised features.
_SCALE = 10.0
# Coordinates are dense; with more entries than this (160 MB), rows stay sparse.
_MOST_ENTRIES = 20_000_000
# The share of a row's squared length that is added to it, so that linearly dependent rows have a
# Cholesky factor.
_JITTER = 1e-10


def counts(questions: Sequence[str]) -> csr_array:
    """Counts of words, word pairs and 3 to 5 letters in a row within a word, float64[n, columns].

    Each of the two kinds, words and letters, is scaled to the same length in every row.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    distinct, row_of = np.unique(np.array(questions, object), return_inverse=True)
    options = {"n_features": _COLUMNS, "alternate_sign": False}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", **options)
    letters = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **options)
    counted = hstack([kind.transform(distinct) for kind in (words, letters)], format="csr")
    # Drop columns that are empty in every row, which only cost time.
    counted = csr_array(counted)[:, np.unique(counted.indices)]
    return counted[row_of] * _SCALE


def coordinates(counted: csr_array, fitted: np.ndarray) -> np.ndarray | csr_array:
    """Every row in an orthonormal basis of the `fitted` rows' span, float64[n, distinct fitted].

    The weights of a regression with an L2 penalty lie in that span (representer theorem), so that
    it predicts the same from these few columns: KEGG's 1,159 training records ask 185 questions in
    15,925 columns. If that would take too many entries, the rows are returned unchanged.
    """
    known = _distinct(counted[fitted])
    if known.shape[0] * counted.shape[0] > _MOST_ENTRIES:
        return counted
    products = (known @ known.T).toarray()
    products[np.diag_indices_from(products)] *= 1 + _JITTER
    factor = cholesky(products, lower=True)
    return solve_triangular(factor, (known @ counted.T).toarray(), lower=True).T


def _distinct(counted: csr_array) -> csr_array:
    """The rows without duplicates."""
    first: dict[tuple[bytes, bytes], int] = {}
    for row in range(counted.shape[0]):
        here = slice(counted.indptr[row], counted.indptr[row + 1])
        first.setdefault((counted.indices[here].tobytes(), counted.data[here].tobytes()), row)
    return counted[list(first.values())]
