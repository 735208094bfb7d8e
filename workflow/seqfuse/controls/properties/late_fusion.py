"""Late fusion of what the single modalities predict, seed by seed: their plain mean, and a stack.

Everywhere `outputs` are as in coding.py, over the asked rows.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.controls.properties.coding import CodingSet, loss
from seqfuse.controls.properties.property_controls import STRENGTHS, regression
from seqfuse.errors import UserError

# Folds of the validation rows in which the stack's penalty is chosen.
_FOLDS = 5


def read(
    dataset: str, coding: CodingSet, singles: Sequence[Path]
) -> Iterator[tuple[int, np.ndarray]]:
    """(seed, outputs [modalities, asked, ...]); every modality must have the same seeds."""
    tables_of_seeds = [_read(path, dataset, coding) for path in singles]
    first = sorted(tables_of_seeds[0])
    for path, found in zip(singles, tables_of_seeds, strict=True):
        if sorted(found) != first:
            raise UserError(
                f"{path}: seeds {sorted(found)}, but {singles[0]} has {first}; train both alike"
            )
    for seed in first:
        yield seed, np.stack([found[seed] for found in tables_of_seeds])


def mean(coding: CodingSet, said: np.ndarray) -> np.ndarray:
    """Outputs of the mean over the modalities: of values, or of the classes' probabilities."""
    return np.log(np.exp(said).mean(axis=0)) if coding.classes else said.mean(axis=0)


def stack(coding: CodingSet, said: np.ndarray) -> np.ndarray | None:
    """Outputs of a regression on what the modalities say, fitted on the validation rows alone.

    Ridge of values, logistic of log-probabilities. Its penalty is chosen by cross-validation among
    the validation rows, and each of these is predicted by a fit that did not see it, as the test
    rows are. None where there are fewer such rows than folds.
    """
    features, classes = np.concatenate(list(said), axis=1), len(coding.classes)
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
    found: dict[int, dict[str, list[float]]] = {}
    for row in tables.read(path, tables.PREDICTIONS, names).to_pylist():
        if row["dataset"] != dataset:
            raise UserError(f"{path}: predictions of {row['dataset']!r}, not of {dataset!r}")
        if row["probe"] == "none":
            found.setdefault(row["seed"], {})[row["id"]] = _outputs(path, row, coding)
    asked = [coding.ids[row] for row in coding.asked]
    for seed, said in found.items():
        missing = next((name for name in asked if name not in said), None)
        if missing is not None:
            raise UserError(f"{path}: seed {seed} has no prediction of record {missing!r}")
    return {seed: np.array([said[name] for name in asked]) for seed, said in found.items()}


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
