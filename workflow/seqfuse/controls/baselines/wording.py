"""How a question is worded: counts of its words and of runs of letters, without any DNA.

scikit-learn's hashing vectorizers, which learn nothing from the rows that they count.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array, hstack

# Columns of each kind, words and letters; more n-grams than that share columns.
_COLUMNS = 2**15
# Rows have length 1 for each kind. Tenfold, the strengths of a regression mean what they mean for
# features that are standardised.
_SCALE = 10.0
# Coordinates are dense; of more entries than these, 160 MB, rows stay sparse.
_MOST_ENTRIES = 20_000_000
# Share of a row's squared length that is added to it, so that dependent rows can be factored.
_JITTER = 1e-10


def counts(questions: Sequence[str]) -> csr_array:
    """Words and pairs of words, and runs of 3 to 5 letters within words, float64[n, columns]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    distinct, row_of = np.unique(np.array(questions, object), return_inverse=True)
    options = {"n_features": _COLUMNS, "alternate_sign": False}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", **options)
    letters = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **options)
    counted = hstack([kind.transform(distinct) for kind in (words, letters)], format="csr")
    # Columns that are empty in every row only cost time.
    counted = csr_array(counted)[:, np.unique(counted.indices)]
    return counted[row_of] * _SCALE


def coordinates(counted: csr_array, fitted: np.ndarray) -> np.ndarray | csr_array:
    """Every row along the directions that the `fitted` rows span, float64[n, distinct fitted].

    The weights of a regression with an L2 penalty lie in that span (representer theorem), so that
    it predicts the same from these few columns: KEGG's 1,159 training records ask 185 questions in
    15,925 columns. Where the rows span too many, they are returned as they are.
    """
    known = _distinct(counted[fitted])
    if known.shape[0] * counted.shape[0] > _MOST_ENTRIES:
        return counted
    products = (known @ known.T).toarray()
    products[np.diag_indices_from(products)] *= 1 + _JITTER
    factor = cholesky(products, lower=True)
    return solve_triangular(factor, (known @ counted.T).toarray(), lower=True).T


def _distinct(counted: csr_array) -> csr_array:
    """The rows without those that repeat an earlier one."""
    first: dict[tuple[bytes, bytes], int] = {}
    for row in range(counted.shape[0]):
        here = slice(counted.indptr[row], counted.indptr[row + 1])
        first.setdefault((counted.indices[here].tobytes(), counted.data[here].tobytes()), row)
    return counted[list(first.values())]
