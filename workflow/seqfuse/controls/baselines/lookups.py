"""Dictionaries that answer without a model: how far repeated questions or DNA explain a score."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np


def majority(labels: Sequence[str], classes: Sequence[str], rows: int) -> np.ndarray:
    """The training labels' shares, float64[rows, classes], the same for every row."""
    return np.tile(_shares(labels, classes), (rows, 1))


def lookup(
    keys: Sequence[Hashable],
    labels: Sequence[str],
    asked: Sequence[Hashable],
    classes: Sequence[str],
) -> np.ndarray:
    """Label probabilities float64[asked, classes] of each asked key, from training keys and labels.

    They are proportional to the key's label counts plus one count that is spread over the classes
    by their share in training. So the key's commonest label wins, a tie goes to the label that is
    commoner overall, and an unknown key gets the training shares.
    """
    known: dict[Hashable, Counter] = {}
    for key, label in zip(keys, labels, strict=True):
        known.setdefault(key, Counter())[label] += 1
    prior = _shares(labels, classes)
    probabilities = np.tile(prior, (len(asked), 1))
    for row, key in enumerate(asked):
        for label, count in known.get(key, {}).items():
            probabilities[row, classes.index(label)] += count
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def _shares(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    counted = Counter(labels)
    return np.array([counted[name] for name in classes], dtype=np.float64) / len(labels)
