"""Bootstrap intervals: all resamples of a block in one call, against a loop over resamples.

Both sides score the same resamples of 6,000 rows, one method with one seed. `full_seconds` is what
ours takes for 10,000 of them, whatever the scale.
"""

import itertools

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr
from sklearn import metrics as sklearn

from bench.measure import Setting, alternate, result, seconds
from seqfuse.evaluation import bootstrap
from seqfuse.evaluation.answers import Answers, Gold
from seqfuse.evaluation.score import scores

ROWS, RESAMPLES, CLASSES = 6000, 10_000, 10
_NAMES = ("bench", "suite")


def bootstrap_counts(setting: Setting) -> dict:
    """Every metric of ten classes; baseline: scikit-learn's, resample by resample."""
    random = np.random.default_rng(0)
    label = random.integers(0, CLASSES, ROWS)
    predicted = np.where(random.random(ROWS) < 0.6, label, random.integers(0, CLASSES, ROWS))
    gold = _gold(classes=tuple(map(str, range(CLASSES))), label=label)
    answer = Answers("data", "m", 0, "none", np.ones(ROWS, bool), predicted=predicted)
    return _measure("bootstrap_counts", setting, gold, answer, _classes, at_least=60)


def bootstrap_spearman(setting: Setting) -> dict:
    """Spearman, Pearson, R2 and mean error, ties ranked anew; baseline: scipy's and NumPy's."""
    random = np.random.default_rng(1)
    value = random.integers(0, 500, ROWS) / 10  # ties are the rule
    said = (value + random.normal(0, 15, ROWS)).round(1)
    gold = _gold(value=value)
    answer = Answers("data", "m", 0, "none", np.ones(ROWS, bool), value=said)
    return _measure("bootstrap_spearman", setting, gold, answer, _values, at_least=5)


MEASURES = [bootstrap_counts, bootstrap_spearman]


# --- the baselines ------------------------------------------------------------------------------


def _classes(gold: Gold, answer: Answers, rows: np.ndarray) -> dict[str, float]:
    """One resample by scikit-learn."""
    true, said = gold.label[rows], answer.predicted[rows]
    found = {
        "accuracy": sklearn.accuracy_score(true, said),
        "mcc": sklearn.matthews_corrcoef(true, said),
    }
    for prefix, average in (("macro", "macro"), ("weighted", "weighted")):
        parts = sklearn.precision_recall_fscore_support(
            true, said, average=average, labels=np.unique(true), zero_division=0
        )
        names = ("precision", "recall", "f1")
        found |= {f"{prefix}_{name}": part for name, part in zip(names, parts, strict=False)}
    return found


def _values(gold: Gold, answer: Answers, rows: np.ndarray) -> dict[str, float]:
    """One resample by scipy, scikit-learn and NumPy."""
    true, said = gold.value[rows], answer.value[rows]
    return {
        "spearman": spearmanr(true, said).statistic,
        "pearson": np.corrcoef(true, said)[0, 1],
        "r2": sklearn.r2_score(true, said),
        "mae": sklearn.mean_absolute_error(true, said),
    }


# --- what both sides work on --------------------------------------------------------------------


def _measure(name: str, setting: Setting, gold: Gold, answer: Answers, one, at_least: float):
    resamples = setting.rows(RESAMPLES, least=50)
    everyone = np.ones(ROWS, bool)

    def ours(count: int = resamples) -> dict:
        return scores(gold, everyone, [answer], count, _NAMES)["m", "none"]

    def baseline() -> list[dict[str, float]]:
        return [one(gold, answer, rows) for rows in _resamples(resamples)]

    plain, found = baseline(), ours()
    differences = [
        np.abs(found[metric].draws - [row[metric] for row in plain]).max() for metric in plain[0]
    ]
    assert max(differences) < 1e-9, f"{name}: the draws differ by {max(differences)}"
    times = alternate(setting, ours, baseline)
    return result(
        name, *times, "s", at_least, rows=ROWS, difference=float(max(differences)),
        resamples=resamples, full_seconds=seconds(lambda: ours(RESAMPLES)),
    )  # fmt: skip


def _resamples(count: int):
    """The rows of each resample, those that `scores` draws."""
    random = bootstrap.generator(*_NAMES, "data")
    blocks = bootstrap.cluster_weights(ROWS, ROWS, count, random)
    for weights in itertools.chain.from_iterable(blocks):
        yield np.repeat(np.arange(ROWS), weights.astype(np.int64))


def _gold(**columns) -> Gold:
    blank = {"classes": (), "label": None, "value": None} | columns
    return Gold(
        dataset="data",
        id=pa.array([str(row) for row in range(ROWS)]),
        split=np.full(ROWS, "test"),
        subsets={},
        cluster=np.arange(ROWS),
        variants=False,
        metric="spearman" if blank["label"] is None else "accuracy",
        **blank,
    )
