"""The metrics as pure functions of numpy arrays, equal to scikit-learn's and scipy's.

Metrics of classes are functions of three counts a class, and those of regression of seven sums, so
that all rows, and all but some, are scored in one call: every function keeps leading axes.
Spearman's correlation is in seqfuse/statistics/correlation.py.
"""

import numpy as np

from seqfuse.statistics.correlation import correlation

BINS = 15


def counts(gold: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Per class: rows of it, rows predicted as it, rows of it predicted right; int64[3, classes].

    `gold` and `predicted` are class indices int[n]. An answer that is no label is a class of its
    own, which no gold row has.
    """
    hits = gold[gold == predicted]
    return np.stack([np.bincount(rows, minlength=classes) for rows in (gold, predicted, hits)])


def classification(counted: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of classes from counts[..., 3, classes]; each metric has shape [...].

    Precision, recall and F1 of a class that nothing supports are 0, as is the MCC where gold or
    prediction is constant (scikit-learn's rules). `macro_` averages over the classes that gold
    holds, `union_` over those that gold or prediction holds, `weighted_` by gold rows. In a
    resample these are the classes that the resample holds: a class that was not drawn is left out
    of that resample's mean, not scored 0.
    """
    gold, predicted, hits = np.moveaxis(counted, -2, 0).astype(np.float64)
    rows = gold.sum(-1)
    per_class = {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, gold),
        "f1": _ratio(2 * hits, gold + predicted),
    }
    found = {"accuracy": _ratio(hits.sum(-1), rows)}
    for prefix, weight in (
        ("macro", (gold > 0).astype(np.float64)),
        ("union", (gold + predicted > 0).astype(np.float64)),
        ("weighted", gold),
    ):
        for name, values in per_class.items():
            found[f"{prefix}_{name}"] = _ratio((weight * values).sum(-1), weight.sum(-1))
    # Gorodkin's R_K (2004) in the form that needs the margins only.
    covariance = hits.sum(-1) * rows - (gold * predicted).sum(-1)
    spread = (rows**2 - (gold**2).sum(-1)) * (rows**2 - (predicted**2).sum(-1))
    found["mcc"] = _ratio(covariance, np.sqrt(spread))
    return found


def calibration_bins(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """For each row, `correct - confidence` in the column of its confidence's bin; float64[n, BINS].

    Bins are (0, 1/15], ..., (14/15, 1], as in Guo et al. 2017; summed over rows, the columns give
    the expected calibration error.
    """
    gaps = np.zeros((len(confidence), BINS))
    gaps[np.arange(len(confidence)), _bins(confidence)] = correct - confidence
    return gaps


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[dict]:
    """Each bin that holds an answer: its edges, mean confidence, share that is right, and size."""
    bins = _bins(confidence)
    return [
        {
            "low": place / BINS,
            "high": (place + 1) / BINS,
            "confidence": float(confidence[bins == place].mean()),
            "accuracy": float(correct[bins == place].mean()),
            "n": int((bins == place).sum()),
        }
        for place in np.unique(bins).tolist()
    ]


def calibration_error(summed_gaps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The expected calibration error from summed `calibration_bins`[..., BINS] over `rows`[...]."""
    return np.abs(summed_gaps).sum(-1) / rows


def regression_sums(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Per row, what `regression` needs summed: float64[n, 7]; each variable less its own mean."""
    x, y, error = _centred(gold), _centred(predicted), gold - predicted
    return np.stack([x, y, x * x, y * y, x * y, error * error, np.abs(error)], axis=-1)


def regression(sums: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Pearson, R2 and mean absolute error from summed `regression_sums`[..., 7] over `rows`[...].

    Where gold is constant, R2 is 0; where gold or prediction is, Pearson is 0: a constant orders
    nothing.
    """
    x, y, xx, yy, xy, squared, absolute = np.moveaxis(sums, -1, 0)
    spread_x, spread_y = _spread(x, xx, rows), _spread(y, yy, rows)
    return {
        "pearson": correlation(xy - x * y / rows, spread_x, spread_y),
        "r2": _ratio(spread_x - squared, spread_x),
        "mae": absolute / rows,
    }


def _bins(confidence: np.ndarray) -> np.ndarray:
    """The bin int[n] of each confidence."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _centred(values: np.ndarray) -> np.ndarray:
    """Values less their mean; exactly 0 where they are constant."""
    return values - (values[0] if np.ptp(values) == 0 else values.mean())


def _spread(total: np.ndarray, squares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Sum of squares about the mean; what rounding alone can leave counts as 0."""
    spread = squares - total * total / rows
    return np.where(spread > 1e-12 * squares, spread, 0.0)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, and 0 where `below` is 0."""
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below != 0)
