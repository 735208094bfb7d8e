"""Logistic regressions on states, each row predicted by what was fitted without its group."""

import warnings

import numpy as np

# The inverse strength of the L2 penalty on features of unit variance: there are more features than
# rows, and a weaker one fits noise.
_STRENGTH = 0.1
_ITERATIONS = 300


def folds_of(classes: np.ndarray, groups: np.ndarray, folds: int) -> np.ndarray:
    """The fold int[n] of each row: groups whole, classes about as frequent in each."""
    from sklearn.model_selection import StratifiedGroupKFold

    found = np.empty(len(classes), np.int64)
    dealt = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(dealt.split(classes, classes, groups)):
        found[held_out] = fold
    return found


def predicted(features: np.ndarray, classes: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The class text[n] that a regression on the other folds gives each row of float[n, D]."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = np.empty_like(classes)
    for number in np.unique(fold):
        held_out, train = fold == number, fold != number
        if len(set(classes[train])) == 1:
            found[held_out] = classes[train][0]
            continue
        fit = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS))
        with warnings.catch_warnings():
            # Where it stops, it predicts as well: the penalty holds the weights.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found[held_out] = fit.fit(features[train], classes[train]).predict(features[held_out])
    return found


def shuffled(classes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The classes of other groups in place of a group's own, drawn with one seed: nothing that
    features say of them is left."""
    random = np.random.default_rng(0)
    distinct, of_row = np.unique(groups, return_inverse=True)
    first = np.array([classes[np.flatnonzero(of_row == one)[0]] for one in range(len(distinct))])
    if len(distinct) == len(groups):
        return classes[random.permutation(len(classes))]
    return first[random.permutation(len(distinct))][of_row]
