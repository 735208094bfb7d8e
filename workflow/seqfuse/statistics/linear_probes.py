"""Cross-validated logistic regressions on hidden states; folds keep groups whole."""

import warnings

import numpy as np

# The inverse strength of the L2 penalty on features of unit variance. There are more features than
# rows, so that a weaker penalty would fit noise.
_STRENGTH = 0.1
_ITERATIONS = 300


def folds_of(classes: np.ndarray, groups: np.ndarray, folds: int) -> np.ndarray:
    """The fold int[n] of each row: a group is in one fold, and folds have similar class shares."""
    from sklearn.model_selection import StratifiedGroupKFold

    fold_of = np.empty(len(classes), np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(splitter.split(classes, classes, groups)):
        fold_of[held_out] = fold
    return fold_of


def predicted(features: np.ndarray, classes: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The class text[n] of each row of `features` float[n, D], predicted from the other folds."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predictions = np.empty_like(classes)
    for number in np.unique(fold):
        held_out, train = fold == number, fold != number
        if len(set(classes[train])) == 1:
            predictions[held_out] = classes[train][0]
            continue
        fit = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS))
        with warnings.catch_warnings():
            # Stopping early does no harm: the penalty bounds the weights.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit(features[train], classes[train])
        predictions[held_out] = fit.predict(features[held_out])
    return predictions


def shuffled(classes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Classes text[n] permuted between groups with a fixed seed, so that features cannot predict
    them; if every row is a group, they are permuted between rows."""
    random = np.random.default_rng(0)
    distinct, of_row = np.unique(groups, return_inverse=True)
    first = np.array([classes[np.flatnonzero(of_row == one)[0]] for one in range(len(distinct))])
    if len(distinct) == len(groups):
        return classes[random.permutation(len(classes))]
    return first[random.permutation(len(distinct))][of_row]
