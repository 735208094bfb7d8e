"""A dataset as an arm sees it: targets, splits, and the views of every sequence.

It is read from cleaned records and codon frames, and checked; `batches` adds the views.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from seqfuse import tables
from seqfuse.bio.codon_usage import codons_of
from seqfuse.bio.frames import UNKNOWN, code, is_initiator
from seqfuse.codons.inputs.placement import NUCLEOTIDES, Placement
from seqfuse.errors import UserError

SPLITS = ("train", "val", "test")
# The order of the one-hot vectors; one more, the last, is for codons with an N.
CODONS = sorted(code(1))


class States(Protocol):
    """The states [T, D] of a sequence: a memory map of the store, or one-hot codons.

    For an encoder that is trained with the arm, the token ids [T] of the sequence instead.
    """

    width: int

    def get(self, sequence: str) -> np.ndarray: ...


@dataclass(frozen=True)
class View:
    """One view of every row: letters, states, and the placement of the states on codons."""

    sequences: Sequence[str]
    states: States
    placements: Sequence[Placement]
    parts: int

    @property
    def width(self) -> int:
        """The length of a state vector."""
        return self.states.width

    def stored(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The states of each of `rows`."""
        return (self.states.get(self.sequences[row]) for row in rows.tolist())


@dataclass(frozen=True)
class Dataset:
    """The rows of one dataset: `target` holds float64 values, or int64 indices into `labels`."""

    name: str
    ids: list[str]
    split: np.ndarray
    codons: np.ndarray
    target: np.ndarray
    labels: tuple[str, ...]
    frames: Mapping[str, list[str]]
    views: Mapping[str, View] = field(default_factory=dict)

    def rows(self, split: str) -> np.ndarray:
        """The row numbers (int64) of a split, in the order of the records."""
        return np.flatnonzero(self.split == split)

    @property
    def outputs(self) -> int:
        """The number of outputs of a model: one value, or a score for each label."""
        return len(self.labels) or 1


def read(name: str, records: Path, frames: Path) -> Dataset:
    """The targets and frames of a dataset, without embeddings.

    Raises `UserError` if a record lacks a frame or a target, frames disagree, or a split is
    empty."""
    clean = tables.read(records, tables.CLEAN, ["id", "split", "label", "value"]).to_pydict()
    framed = tables.read(frames, tables.FRAMES).to_pydict()
    order = {name: row for row, name in enumerate(framed["id"])}
    missing = next((name for name in clean["id"] if name not in order), None)
    if missing is not None:
        raise UserError(
            f"{frames}: record {missing!r} of {records} has no row; run `seqfuse sequences` again"
        )
    rows = [order[name] for name in clean["id"]]
    views = {view: [framed[view][row] for row in rows] for view in ("dna", "rna", "protein")}
    codons = np.array([framed["codons"][row] for row in rows], np.int64)
    _check_frames(frames, clean["id"], views, codons)
    split = np.array(clean["split"], dtype=object)
    for name_of_split in SPLITS:
        if not (split == name_of_split).any():
            raise UserError(
                f"{records}: no row in split {name_of_split!r}; give the dataset"
                " train, val and test rows"
            )
    target, labels = _targets(records, clean, split)
    return Dataset(name, clean["id"], split, codons, target, labels, views)


class OneHot:
    """Codons as one-hot vectors of 65: the 64 codons in alphabetical order, then anything else."""

    width = len(CODONS) + 1
    _index = {codon: index for index, codon in enumerate(CODONS)}

    def get(self, sequence: str) -> np.ndarray:
        """One row for each codon, float16 [C, 65]."""
        return np.eye(self.width, dtype=np.float16)[self.indices(sequence)]

    @classmethod
    def indices(cls, sequence: str) -> np.ndarray:
        """The index of every whole codon, int64 [C]."""
        codons = codons_of(sequence)
        return np.array([cls._index.get(codon, len(CODONS)) for codon in codons], np.int64)


def _check_frames(
    path: Path, ids: list[str], views: Mapping[str, list[str]], codons: np.ndarray
) -> None:
    """Raise `UserError` at the first record whose DNA, mRNA and protein do not agree.

    Which residue a codon stands for is read off the dataset itself, which may have its own genetic
    code: a codon disagrees if it stands for another residue than in most other places.
    """
    for row, name in enumerate(ids):
        dna, rna, protein = (views[view][row] for view in ("dna", "rna", "protein"))
        if not codons[row]:
            raise UserError(f"{path}: record {name!r} has no whole codon; drop it from the data")
        if rna != dna.replace("T", "U"):
            raise UserError(f"{path}: record {name!r}: its mRNA is not its DNA with U for T")
        if len(dna) != NUCLEOTIDES * codons[row] or len(protein) != codons[row]:
            raise UserError(
                f"{path}: record {name!r}: {len(dna)} nt, {len(protein)} residues and"
                f" {codons[row]} codons do not agree"
            )
    index = np.concatenate([OneHot.indices(dna) for dna in views["dna"]])
    residue = np.frombuffer(bytearray("".join(views["protein"]).encode()), np.uint8)
    for row, first in enumerate(np.cumsum(codons) - codons):
        if is_initiator(views["dna"][row], views["protein"][row]):
            residue[first] = ord(UNKNOWN)  # it is methionine only at the start
    votes = np.zeros((OneHot.width, 256), np.int64)
    np.add.at(votes, (index, residue), residue != ord(UNKNOWN))
    usual = votes.argmax(1)
    wrong = (residue != ord(UNKNOWN)) & (residue != usual[index])
    if wrong.any():
        place_in_all = int(np.argmax(wrong))
        row = int(np.searchsorted(np.cumsum(codons), place_in_all, side="right"))
        codon = place_in_all - int(codons[:row].sum())
        raise UserError(
            f"{path}: record {ids[row]!r}: residue {chr(residue[place_in_all])!r} at codon"
            f" {codon + 1} ({views['dna'][row][NUCLEOTIDES * codon :][:NUCLEOTIDES]}) disagrees"
            f" with {chr(usual[index[place_in_all]])!r} elsewhere; run `seqfuse sequences` again"
        )


def _targets(path: Path, clean: dict, split: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """(values, ()), or (indices of labels, the sorted labels of the training rows)."""
    column = "value" if any(value is not None for value in clean["value"]) else "label"
    for name, value in zip(clean["id"], clean[column], strict=True):
        if value is None or (column == "value" and not math.isfinite(value)):
            wanted = "a value or a label" if column == "label" else "a finite value"
            raise UserError(f"{path}: record {name!r} has no {column}; study B needs {wanted}")
    train = [clean[column][row] for row in np.flatnonzero(split == "train")]
    if len(set(train)) == 1:
        raise UserError(
            f"{path}: every training record has the {column} {train[0]!r};"
            " there is nothing to learn"
        )
    if column == "value":
        return np.array(clean["value"], np.float64), ()
    labels = tuple(sorted(set(train)))
    index = {label: position for position, label in enumerate(labels)}
    for name, label in zip(clean["id"], clean["label"], strict=True):
        if label not in index:
            raise UserError(
                f"{path}: record {name!r} has the label {label!r}, which no training record has;"
                f" known: {', '.join(labels)}"
            )
    return np.array([index[label] for label in clean["label"]], np.int64), labels
