"""Folds that keep DNA pairs whole, and the controls' predictions of each fold from the others."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.controls.labels import label_controls
from seqfuse.controls.labels.label_controls import Records
from seqfuse.errors import UserError


def read(path: Path) -> dict[str, list]:
    """The columns of the records, of every split, whose question has several labels.

    They are empty if all records are such: then the test split already measures the same.
    """
    names = ["id", "sequence", "variant", "question", "label", "subset"]
    table = tables.read(path, tables.CLEAN, names)
    chosen = table.filter(pc.equal(table["subset"], "sequence_decides"))
    return chosen.slice(0, 0 if len(chosen) == len(table) else None).to_pydict()


def deal(pairs: list[tuple], folds: int, seed: int) -> np.ndarray:
    """The fold int[n] of each row; rows of one pair share a fold, and folds have similar sizes.

    Pairs are put into the smallest fold one by one, the largest first, in random order (seeded)
    among pairs of equal size.
    """
    sizes = Counter(pairs)
    order = np.random.default_rng(seed).permutation(len(sizes))
    distinct = [list(sizes)[number] for number in order]
    fold_of, filled = {}, [0] * folds
    for pair in sorted(distinct, key=lambda pair: -sizes[pair]):
        fold_of[pair] = filled.index(min(filled))
        filled[fold_of[pair]] += sizes[pair]
    return np.array([fold_of[pair] for pair in pairs])


def controls(
    path: Path, columns: dict[str, list], folds: int, repeats: int
) -> Iterator[tuple[str, Records, np.ndarray, int]]:
    """(control, records, log-probabilities of the held-out rows, repeat), fold by fold.

    The next fold is the validation set, which chooses the strength of a regression's penalty.
    """
    pairs = list(zip(columns["sequence"], columns["variant"], strict=True))
    if len(set(pairs)) < folds:
        raise UserError(
            f"{path}: {len(set(pairs))} DNA pairs whose label only the sequence decides, fewer "
            f"than {folds} folds; give fewer folds"
        )
    fitted = label_controls.features(columns)
    for repeat in range(repeats):
        fold = deal(pairs, folds, repeat)
        for held_out in range(folds):
            asked, val = fold == held_out, fold == (held_out + 1) % folds
            train = np.flatnonzero(~asked & ~val).tolist()
            records = Records(
                columns=columns,
                train=train,
                val=np.flatnonzero(val).tolist(),
                asked=np.flatnonzero(asked).tolist(),
                classes=sorted({columns["label"][row] for row in train}),
            )
            for method, log_p in label_controls.controls(records, fitted):
                yield method, records, log_p, repeat


def question_majority(dataset: str, columns: dict[str, list]) -> list[dict]:
    """Predictions of each question's commonest label; ties go to the first by name."""
    labels: dict[str, Counter] = {}
    for question, label in zip(columns["question"], columns["label"], strict=True):
        labels.setdefault(question, Counter())[label] += 1
    best = {
        question: min(counts, key=lambda label: (-counts[label], label))
        for question, counts in labels.items()
    }
    common = {"dataset": dataset, "method": "question_majority", "seed": 0, "probe": "none"}
    return [
        common | {"id": name, "predicted": best[question]}
        for name, question in zip(columns["id"], columns["question"], strict=True)
    ]
