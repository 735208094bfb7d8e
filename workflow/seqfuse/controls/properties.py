"""The controls of a set of coding sequences: a value or class from what needs no embedding.

Everywhere `outputs` are float64[asked, 1] values, or float64[asked, classes] log-probabilities.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.controls import composition, lookups, regressions, trees
from seqfuse.errors import UserError

# Inverse strengths of the L2 penalty; the one with the least validation loss is taken, as a
# method's learning rate is.
STRENGTHS = (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0)
# Counted words of the k-mer control have one to so many letters.
_LONGEST = 4
_NUCLEOTIDES, _LETTERS = 3, "ACGT"


@dataclass(frozen=True)
class Coding:
    """One dataset: `target` float64[n] values, or int64[n] indices into `classes`.

    `classes` are the training labels, sorted; another label has the index behind the last. `train`,
    `val` and `asked` (val, then test) are row numbers. `frames` are the whole codons, as DNA.
    """

    ids: list[str]
    sequences: list[str]
    frames: list[str]
    target: np.ndarray
    classes: list[str]
    train: np.ndarray
    val: np.ndarray
    asked: np.ndarray

    @property
    def known_val(self) -> np.ndarray:
        """The validation rows whose class, if it is one, training has too."""
        known = self.target[self.val] < len(self.classes) if self.classes else slice(None)
        return self.val[known]


def read(records: Path, frames: Path) -> Coding:
    """Records with a value or a label each, and their codons."""
    names = ["id", "split", "sequence", "label", "value"]
    columns = tables.read(records, tables.CLEAN, names).to_pydict()
    framed = tables.read(frames, tables.FRAMES, ["id", "dna"]).to_pydict()
    dna = dict(zip(framed["id"], framed["dna"], strict=True))
    column = "value" if any(value is not None for value in columns["value"]) else "label"
    for name, target in zip(columns["id"], columns[column], strict=True):
        if name not in dna:
            raise UserError(f"{frames}: record {name!r} of {records} has no row")
        if target is None or (column == "value" and not math.isfinite(target)):
            raise UserError(
                f"{records}: record {name!r} has no {column}; controls need one on each"
            )
    rows = {
        split: np.array([i for i, found in enumerate(columns["split"]) if found == split], np.int64)
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
    frames_in_order = [dna[name] for name in columns["id"]]
    return Coding(
        columns["id"],
        columns["sequence"],
        frames_in_order,
        target,
        classes,
        rows["train"],
        rows["val"],
        asked,
    )


def controls(
    coding: Coding, settings: trees.Settings, threads: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, outputs) of every control that needs the records alone."""
    known = [coding.sequences[row] for row in coding.train]
    asked = [coding.sequences[row] for row in coding.asked]
    if coding.classes:
        labels = [coding.classes[code] for code in coding.target[coding.train]]
        yield "majority", np.log(lookups.majority(labels, coding.classes, len(asked)))
        yield "sequence_lookup", np.log(lookups.lookup(known, labels, asked, coding.classes))
    else:
        values = coding.target[coding.train]
        yield "mean", np.full((len(asked), 1), values.mean())
        yield "sequence_lookup", mean_lookup(known, values, asked)
    yield "length", _fitted(coding, lengths(coding.sequences))
    yield "nucleotide_counts", _fitted(coding, composition.kmers(coding.sequences, 1))
    frequencies = codon_frequencies(coding.frames)
    yield "codon_frequencies", _fitted(coding, frequencies)
    kmers = composition.kmers(coding.sequences, _LONGEST)
    yield "kmer", _fitted(coding, kmers)
    yield "codon_forest", trees.forest(coding, frequencies, settings, threads)
    placed = np.concatenate([kmers, places(coding.sequences)], axis=1, dtype=np.float32)
    yield "boosting", trees.boosting(coding, placed, settings)


def predictions(
    dataset: str, method: str, seed: int, coding: Coding, outputs: np.ndarray
) -> list[dict]:
    """The rows of the table of predictions; of classes, the likeliest is the answer."""
    common = {"dataset": dataset, "method": method, "seed": seed, "probe": "none"}
    rows = []
    for row, values in zip(coding.asked.tolist(), outputs, strict=True):
        if coding.classes:
            said = {
                "predicted": coding.classes[int(values.argmax())],
                "loglik": list(zip(coding.classes, values.tolist(), strict=True)),
            }
        else:
            said = {"predicted_value": float(values[0])}
        rows.append({"id": coding.ids[row]} | common | said)
    return rows


def mean_lookup(known: Sequence[str], values: np.ndarray, asked: Sequence[str]) -> np.ndarray:
    """The mean training value of the very same sequence, or of all, float64[asked, 1]."""
    groups: dict[str, list[float]] = {}
    for sequence, value in zip(known, values, strict=True):
        groups.setdefault(sequence, []).append(value)
    return np.array([[np.mean(groups.get(sequence, values))] for sequence in asked])


def lengths(sequences: Sequence[str]) -> np.ndarray:
    """Nucleotides and their logarithm, float64[n, 2]."""
    counted = np.array([len(sequence) for sequence in sequences], np.float64)
    return np.stack([counted, np.log(counted)], axis=1)


def codon_frequencies(frames: Sequence[str]) -> np.ndarray:
    """Shares float64[n, 64] of the codons AAA to TTT; a codon with another letter has no column."""
    names = [a + b + c for a in _LETTERS for b in _LETTERS for c in _LETTERS]
    column = {name: index for index, name in enumerate(names)}
    shares = np.zeros((len(frames), len(names)))
    for row, dna in enumerate(frames):
        starts = range(0, len(dna) - _NUCLEOTIDES + 1, _NUCLEOTIDES)
        found = [column.get(dna[start : start + _NUCLEOTIDES]) for start in starts]
        for index in found:
            if index is not None:
                shares[row, index] += 1 / len(found)
    return shares


def places(sequences: Sequence[str]) -> np.ndarray:
    """Which nucleotide stands at each place, uint8[n, 4 * longest]: one-hot A, C, G and T.

    Places behind the end of a sequence, and letters that are none of the four, are all 0.
    """
    longest = max(map(len, sequences))
    found = np.zeros((len(sequences), longest, len(_LETTERS)), np.uint8)
    for row, sequence in enumerate(sequences):
        letters = np.frombuffer(sequence.encode("ascii"), np.uint8)[:, None]
        found[row, : len(letters)] = letters == np.frombuffer(_LETTERS.encode(), np.uint8)
    return found.reshape(len(sequences), -1)


def regression(
    features: np.ndarray, target: np.ndarray, classes: int, strength: float
) -> Callable[[np.ndarray], np.ndarray]:
    """features[n, f] -> outputs, fitted on `features` and `target`; `classes` 0 means values."""
    if classes:
        return regressions.logistic(features, target, classes, strength)
    return regressions.ridge(features, target, strength)


def loss(outputs: np.ndarray, gold: np.ndarray, classes: int) -> float:
    """Mean squared error of values, or mean negative log-likelihood of classes (nats)."""
    if classes:
        return -float(outputs[np.arange(len(gold)), gold].mean())
    return float(((outputs[:, 0] - gold) ** 2).mean())


def _fitted(coding: Coding, features: np.ndarray) -> np.ndarray:
    """Outputs of a regression (ridge, or logistic of classes) fitted on the training rows."""
    train, val, classes = coding.train, coding.known_val, len(coding.classes)
    strengths = STRENGTHS if len(val) else STRENGTHS[-1:]
    fits = [regression(features[train], coding.target[train], classes, s) for s in strengths]
    best = fits[0]
    if len(val):
        best = min(fits, key=lambda fit: loss(fit(features[val]), coding.target[val], classes))
    return best(features[coding.asked])
