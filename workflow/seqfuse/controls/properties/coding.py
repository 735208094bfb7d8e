"""A set of coding sequences as the controls read it, and the rows of their predictions.

`outputs` are always float64[asked, 1] values or float64[asked, classes] log-probabilities.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.errors import UserError


@dataclass(frozen=True)
class CodingSet:
    """One dataset: `target` holds float64[n] values, or int64[n] indices into `classes`.

    `classes` are the training labels, sorted; any other label has the index len(classes). `train`,
    `val` and `asked` (the rows to predict: val, then test) are row numbers. `frames` holds the
    whole codons of each sequence, as DNA, and `proteins` their residues.
    """

    ids: list[str]
    sequences: list[str]
    frames: list[str]
    proteins: list[str]
    target: np.ndarray
    classes: list[str]
    train: np.ndarray
    val: np.ndarray
    asked: np.ndarray

    @property
    def known_val(self) -> np.ndarray:
        """The validation rows, of classes only those with a class that training has too."""
        known = self.target[self.val] < len(self.classes) if self.classes else slice(None)
        return self.val[known]


def read(records: Path, frames: Path) -> CodingSet:
    """Records with a value or a label each, and their codons."""
    names = ["id", "split", "sequence", "label", "value"]
    columns = tables.read(records, tables.CLEAN, names).to_pydict()
    framed = tables.read(frames, tables.FRAMES, ["id", "dna", "protein"]).to_pydict()
    dna = dict(zip(framed["id"], framed["dna"], strict=True))
    protein = dict(zip(framed["id"], framed["protein"], strict=True))
    column = "value" if any(value is not None for value in columns["value"]) else "label"
    for name, target in zip(columns["id"], columns[column], strict=True):
        if name not in dna:
            raise UserError(f"{frames}: record {name!r} of {records} has no row")
        if target is None or (column == "value" and not math.isfinite(target)):
            raise UserError(
                f"{records}: record {name!r} has no {column}; controls need one on each"
            )
    rows = {
        split: np.array([i for i, name in enumerate(columns["split"]) if name == split], np.int64)
        for split in ("train", "val", "test")
    }
    if not len(rows["train"]):
        raise UserError(f"{records}: no training record for the controls to learn from")
    target, classes = np.array(columns["value"]), []
    if column == "label":
        classes = sorted({columns["label"][row] for row in rows["train"]})
        code = {name: index for index, name in enumerate(classes)}
        target = np.array([code.get(label, len(classes)) for label in columns["label"]])
    asked = np.concatenate([rows["val"], rows["test"]])
    return CodingSet(
        columns["id"],
        columns["sequence"],
        [dna[name] for name in columns["id"]],
        [protein[name] for name in columns["id"]],
        target,
        classes,
        rows["train"],
        rows["val"],
        asked,
    )


def predictions(
    dataset: str, method: str, seed: int, coding: CodingSet, outputs: np.ndarray
) -> list[dict]:
    """Rows of the table of predictions; the class with the highest probability is the answer."""
    common = {"dataset": dataset, "method": method, "seed": seed, "probe": "none"}
    rows = []
    for row, values in zip(coding.asked.tolist(), outputs, strict=True):
        if coding.classes:
            columns = {
                "predicted": coding.classes[int(values.argmax())],
                "loglik": list(zip(coding.classes, values.tolist(), strict=True)),
            }
        else:
            columns = {"predicted_value": float(values[0])}
        rows.append({"id": coding.ids[row]} | common | columns)
    return rows


def loss(outputs: np.ndarray, gold: np.ndarray, classes: int) -> float:
    """Mean squared error of values, or mean negative log-likelihood of classes (nats)."""
    if classes:
        return -float(outputs[np.arange(len(gold)), gold].mean())
    return float(((outputs[:, 0] - gold) ** 2).mean())
