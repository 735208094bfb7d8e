"""Late fusion of the predictions of the single modalities, seed by seed: their mean, and a stack.

`outputs` are as in coding.py.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.controls.properties.coding import CodingSet, loss
from seqfuse.controls.properties.property_controls import STRENGTHS, regression
from seqfuse.errors import UserError

# Cross-validation folds of the validation rows, which choose the stack's penalty.
_FOLDS = 5


def read(
    dataset: str, coding: CodingSet, singles: Sequence[Path]
) -> Iterator[tuple[int, np.ndarray]]:
    """(seed, outputs [modalities, asked, ...]); modalities with different seeds are refused."""
    by_modality = [_read(path, dataset, coding) for path in singles]
    seeds = sorted(by_modality[0])
    for path, by_seed in zip(singles, by_modality, strict=True):
        if sorted(by_seed) != seeds:
            raise UserError(
                f"{path}: seeds {sorted(by_seed)}, but {singles[0]} has {seeds}; train both with "
                "the same seeds"
            )
    for seed in seeds:
        yield seed, np.stack([by_seed[seed] for by_seed in by_modality])


def mean(coding: CodingSet, singles: np.ndarray) -> np.ndarray:
    """The mean over the modalities: of their values, or of their class probabilities.

    `singles` [modalities, asked, ...] holds the outputs of each modality.
    """
    return np.log(np.exp(singles).mean(axis=0)) if coding.classes else singles.mean(axis=0)


def stack(coding: CodingSet, singles: np.ndarray) -> np.ndarray | None:
    """Outputs of a regression on those of the modalities, fitted only on the validation rows.

    It is a ridge regression of values, or a logistic regression of log-probabilities. Its penalty
    is chosen by cross-validation among the validation rows, and each of these rows, like each test
    row, is predicted by a fit that did not see it. None if there are fewer validation rows than
    folds.
    """
    features, classes = np.concatenate(list(singles), axis=1), len(coding.classes)
    gold = coding.target[coding.val]
    known = np.flatnonzero(gold < classes) if classes else np.arange(len(gold))
    if len(known) < _FOLDS:
        return None
    fold = np.random.default_rng(0).permutation(len(known)) % _FOLDS

    def fitted(rows: np.ndarray, strength: float) -> Callable[[np.ndarray], np.ndarray]:
        return regression(features[rows], gold[rows], classes, strength)

    def held_out(strength: float) -> np.ndarray:
        outputs = np.empty((len(known), classes or 1))
        for number in range(_FOLDS):
            model = fitted(known[fold != number], strength)
            outputs[fold == number] = model(features[known[fold == number]])
        return outputs

    best = min(STRENGTHS, key=lambda strength: loss(held_out(strength), gold[known], classes))
    outputs = fitted(known, best)(features)
    outputs[known] = held_out(best)
    return outputs


def _read(path: Path, dataset: str, coding: CodingSet) -> dict[int, np.ndarray]:
    """{seed: outputs} of one modality's unaltered predictions, in the order of the asked rows."""
    names = ["id", "dataset", "seed", "probe", "predicted_value", "loglik"]
    by_seed: dict[int, dict[str, list[float]]] = {}
    for row in tables.read(path, tables.PREDICTIONS, names).to_pylist():
        if row["dataset"] != dataset:
            raise UserError(f"{path}: predictions of {row['dataset']!r}, not of {dataset!r}")
        if row["probe"] == "none":
            by_seed.setdefault(row["seed"], {})[row["id"]] = _outputs(path, row, coding)
    asked = [coding.ids[row] for row in coding.asked]
    for seed, of_record in by_seed.items():
        missing = next((name for name in asked if name not in of_record), None)
        if missing is not None:
            raise UserError(f"{path}: seed {seed} has no prediction of record {missing!r}")
    return {seed: np.array([one[name] for name in asked]) for seed, one in by_seed.items()}


def _outputs(path: Path, row: dict, coding: CodingSet) -> list[float]:
    """One row's value, or its log-probabilities in the order of the classes."""
    if not coding.classes:
        values = [row["predicted_value"]]
    else:
        of_label = dict(row["loglik"] or ())
        values = [of_label.get(label) for label in coding.classes]
    if None in values:
        wanted = "a log-likelihood of every class" if coding.classes else "a value"
        raise UserError(f"{path}: the prediction of record {row['id']!r} lacks {wanted}")
    return values
