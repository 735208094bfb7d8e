"""Late fusion: the plain mean of what the single modalities predict, seed by seed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.controls.properties import Coding
from seqfuse.errors import UserError


def fused(
    dataset: str, coding: Coding, singles: Sequence[Path]
) -> Iterator[tuple[int, np.ndarray]]:
    """(seed, outputs) of the mean over the single modalities, for every seed that all of them have.

    Values are averaged as they are; of classes, the probabilities are. `outputs` are as in
    `properties`, over its asked rows.
    """
    tables_of_seeds = [_read(path, dataset, coding) for path in singles]
    first = sorted(tables_of_seeds[0])
    for path, found in zip(singles, tables_of_seeds, strict=True):
        if sorted(found) != first:
            raise UserError(
                f"{path}: seeds {sorted(found)}, but {singles[0]} has {first}; train both alike"
            )
    for seed in first:
        outputs = np.stack([found[seed] for found in tables_of_seeds])
        yield seed, np.log(np.exp(outputs).mean(axis=0)) if coding.classes else outputs.mean(axis=0)


def _read(path: Path, dataset: str, coding: Coding) -> dict[int, np.ndarray]:
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


def _outputs(path: Path, row: dict, coding: Coding) -> list[float]:
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
