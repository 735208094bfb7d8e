"""Intervals: all leave-some-out scores in one call, against a loop over the rows left out.

Both sides score 6,000 rows, of one method with one seed, a thousand times without six of them.
"""

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr
from sklearn import metrics as sklearn

from bench.measure import Setting, alternate, result
from seqfuse.evaluation.answers import Answers
from seqfuse.evaluation.gold import Gold
from seqfuse.evaluation.score import scores
from seqfuse.statistics import jackknife

ROWS, CLASSES = 6000, 10
_NAMES = ("bench", "suite")


def jackknife_counts(setting: Setting) -> dict:
    """Every metric of ten classes; baseline: scikit-learn's, one by one."""
    random = np.random.default_rng(0)
    label = random.integers(0, CLASSES, ROWS)
    predicted = np.where(random.random(ROWS) < 0.6, label, random.integers(0, CLASSES, ROWS))
    gold = _gold(classes=tuple(map(str, range(CLASSES))), label=label)
    answer = Answers("data", "m", 0, "none", np.ones(ROWS, bool), predicted=predicted)
    return _measure("jackknife_counts", setting, gold, answer, _classes, at_least=60)


def jackknife_spearman(setting: Setting) -> dict:
    """Spearman, Pearson, R2 and mean error, ties ranked anew; baseline: scipy's and NumPy's."""
    random = np.random.default_rng(1)
    value = random.integers(0, 500, ROWS) / 10  # ties are the rule
    said = (value + random.normal(0, 15, ROWS)).round(1)
    gold = _gold(value=value)
    answer = Answers("data", "m", 0, "none", np.ones(ROWS, bool), value=said)
    return _measure("jackknife_spearman", setting, gold, answer, _values, at_least=5)


MEASURES = [jackknife_counts, jackknife_spearman]


# --- the baselines ------------------------------------------------------------------------------


def _classes(gold: Gold, answer: Answers, rows: np.ndarray) -> dict[str, float]:
    """The scores of some rows by scikit-learn."""
    true, said = gold.label[rows], answer.predicted[rows]
    scores = {
        "accuracy": sklearn.accuracy_score(true, said),
        "mcc": sklearn.matthews_corrcoef(true, said),
    }
    for prefix, average in (("macro", "macro"), ("weighted", "weighted")):
        parts = sklearn.precision_recall_fscore_support(
            true, said, average=average, labels=np.unique(true), zero_division=0
        )
        names = ("precision", "recall", "f1")
        scores |= {f"{prefix}_{name}": part for name, part in zip(names, parts, strict=False)}
    return scores


def _values(gold: Gold, answer: Answers, rows: np.ndarray) -> dict[str, float]:
    """The scores of some rows by scipy, scikit-learn and NumPy."""
    true, said = gold.value[rows], answer.value[rows]
    return {
        "spearman": spearmanr(true, said).statistic,
        "pearson": np.corrcoef(true, said)[0, 1],
        "r2": sklearn.r2_score(true, said),
        "mae": sklearn.mean_absolute_error(true, said),
    }


# --- what both sides work on --------------------------------------------------------------------


def _measure(name: str, setting: Setting, gold: Gold, answer: Answers, one, at_least: float):
    rows = setting.rows(ROWS, least=jackknife.MOST)
    chosen = np.arange(ROWS) < rows

    def ours() -> dict:
        return scores(gold, chosen, [answer], _NAMES)["m", "none"]

    def baseline() -> list[dict[str, float]]:
        unit = jackknife.units(rows, *_NAMES, "data")
        return [one(gold, answer, np.flatnonzero(unit != left)) for left in range(jackknife.MOST)]

    plain, jackknifed = baseline(), ours()
    differences = [
        np.abs(jackknifed[metric].estimate.parts[0].left - [row[metric] for row in plain]).max()
        for metric in plain[0]
    ]
    assert max(differences) < 1e-9, f"{name}: the scores differ by {max(differences)}"
    times = alternate(setting, ours, baseline)
    return result(name, *times, "s", at_least, rows=rows, difference=float(max(differences)))


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
