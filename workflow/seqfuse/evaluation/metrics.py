"""The metrics as pure functions of numpy arrays, equal to scikit-learn's and scipy's.

Classification metrics are functions of three counts per class, regression metrics of seven sums.
Every function accepts leading axes, so that one call scores all rows and every leave-out sample.
Spearman's correlation is in seqfuse/statistics/correlation.py.
"""

import numpy as np

from seqfuse.statistics.correlation import correlation

BINS = 15


def counts(gold: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Per class: its rows, the rows predicted as it, and the rows that are both; int64[3, classes].

    `gold` and `predicted` are class indices int[n]. Answers that are not a label form a class of
    their own, which no gold row has.
    """
    hits = gold[gold == predicted]
    return np.stack([np.bincount(rows, minlength=classes) for rows in (gold, predicted, hits)])


def classification(counted: np.ndarray) -> dict[str, np.ndarray]:
    """Every classification metric from counts[..., 3, classes]; each metric has shape [...].

    Precision, recall and F1 are 0 if their denominator is 0, and so is the MCC if gold or
    prediction is constant (scikit-learn's rules). `macro_` averages over the classes in gold,
    `union_` over those in gold or prediction, `weighted_` by gold rows. A class whose rows are all
    left out of a sample does not enter that sample's average; it is not scored 0.
    """
    gold, predicted, hits = np.moveaxis(counted, -2, 0).astype(np.float64)
    rows = gold.sum(-1)
    per_class = {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, gold),
        "f1": _ratio(2 * hits, gold + predicted),
    }
    values = {"accuracy": _ratio(hits.sum(-1), rows)}
    for prefix, weight in (
        ("macro", (gold > 0).astype(np.float64)),
        ("union", (gold + predicted > 0).astype(np.float64)),
        ("weighted", gold),
    ):
        for name, of_class in per_class.items():
            values[f"{prefix}_{name}"] = _ratio((weight * of_class).sum(-1), weight.sum(-1))
    # Gorodkin's R_K (2004), in the form that needs only the margins.
    covariance = hits.sum(-1) * rows - (gold * predicted).sum(-1)
    spread = (rows**2 - (gold**2).sum(-1)) * (rows**2 - (predicted**2).sum(-1))
    values["mcc"] = _ratio(covariance, np.sqrt(spread))
    return values


def calibration_bins(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Each row's `correct - confidence`, in the column of its confidence bin; float64[n, BINS].

    Bins are (0, 1/15], ..., (14/15, 1], as in Guo et al. 2017. `calibration_error` takes the sum
    over rows.
    """
    gaps = np.zeros((len(confidence), BINS))
    gaps[np.arange(len(confidence)), _bins(confidence)] = correct - confidence
    return gaps


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[dict]:
    """The edges, mean confidence, accuracy and size of each bin that is not empty."""
    bins = _bins(confidence)
    return [
        {
            "low": number / BINS,
            "high": (number + 1) / BINS,
            "confidence": float(confidence[bins == number].mean()),
            "accuracy": float(correct[bins == number].mean()),
            "n": int((bins == number).sum()),
        }
        for number in np.unique(bins).tolist()
    ]


def calibration_error(summed_gaps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The expected calibration error from summed `calibration_bins`[..., BINS] over `rows`[...]."""
    return np.abs(summed_gaps).sum(-1) / rows


def regression_sums(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Each row's terms of the sums that `regression` needs, float64[n, 7].

    They are x, y, x^2, y^2, xy (x gold and y prediction, each minus its mean), the squared error
    and the absolute error.
    """
    x, y, error = _centred(gold), _centred(predicted), gold - predicted
    return np.stack([x, y, x * x, y * y, x * y, error * error, np.abs(error)], axis=-1)


def regression(sums: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Pearson, R2 and mean absolute error from summed `regression_sums`[..., 7] over `rows`[...].

    R2 is 0 if gold is constant; Pearson is 0 if gold or prediction is.
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
    """Values minus their mean; exactly 0 if they are constant."""
    return values - (values[0] if np.ptp(values) == 0 else values.mean())


def _spread(total: np.ndarray, squares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The sum of squares about the mean; a value within rounding error of 0 becomes 0."""
    spread = squares - total * total / rows
    return np.where(spread > 1e-12 * squares, spread, 0.0)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, or 0 where `below` is 0."""
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below != 0)
