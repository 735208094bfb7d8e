"""Controls that are not linear: scikit-learn's random forest and gradient boosting.

`outputs` are as in coding.py.
"""

import numpy as np

from seqfuse.controls.properties.coding import CodingSet, loss
from seqfuse.settings.sections import Section

# Each split considers a share of the features: with thousands of one-hot positions beside some
# hundred counts, all but the first few trees gain from it.
_FEATURES_A_SPLIT, _SHRINKAGE = 0.2, 0.05
# The probability of a class that no tree of a forest votes for: unlikely, not impossible.
_LEAST = 1e-6


class Settings(Section, path="codons/controls"):
    """The size of both models."""


def forest(coding: CodingSet, features: np.ndarray, settings: Settings, threads: int) -> np.ndarray:
    """Outputs of a random forest on features [n, f], fitted on the training rows."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if coding.classes else RandomForestRegressor
    model = kind(settings.trees, random_state=0, n_jobs=threads)
    model.fit(features[coding.train], coding.target[coding.train])
    if coding.classes:
        return np.log(np.maximum(model.predict_proba(features[coding.asked]), _LEAST))
    return model.predict(features[coding.asked])[:, None]


def boosting(coding: CodingSet, features: np.ndarray, settings: Settings) -> np.ndarray:
    """Outputs of gradient-boosted trees on features [n, f], fitted on the training rows.

    Validation chooses the number of rounds, at most `settings.rounds`, like a method's epoch.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if coding.classes else HistGradientBoostingRegressor
    model = kind(
        learning_rate=_SHRINKAGE,
        max_iter=settings.rounds,
        max_features=_FEATURES_A_SPLIT,
        early_stopping=False,
        random_state=0,
    ).fit(features[coding.train], coding.target[coding.train])

    def by_round(rows: np.ndarray) -> list[np.ndarray]:
        if coding.classes:
            return [np.log(p) for p in model.staged_predict_proba(features[rows])]
        return [values[:, None] for values in model.staged_predict(features[rows])]

    val, best = coding.known_val, settings.rounds - 1
    if len(val):
        gold, classes = coding.target[val], len(coding.classes)
        best = int(np.argmin([loss(outputs, gold, classes) for outputs in by_round(val)]))
    return by_round(coding.asked)[best]
