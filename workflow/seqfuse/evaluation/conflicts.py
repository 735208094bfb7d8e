"""Conflicts: does an answer follow the question of one record or the DNA of another?

What was asked again is read; what reads only one of the two needs no asking. A control, or a method
that is shown no DNA, says of a question what it says of it elsewhere, and a control that reads the
DNA alone what it says of the record that the DNA is from.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.evaluation.answers import Answers, Gold, read_answers
from seqfuse.evaluation.score import Score, scores
from seqfuse.evaluation.suite import Method, Place, halves
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.methods import METHODS
from seqfuse.registry.metrics import CONFLICT

_SHARES = ("follows_text", "follows_dna", "follows_neither", "text_over_dna")


def read_conflicts(
    paths: list[Path], golds: dict[str, Gold], methods: dict[str, Method]
) -> list[tuple[Answers, np.ndarray]]:
    """The answers of every table with the gold row int[n] that each DNA is from, -1 where none is.

    All methods of a dataset are asked about the same pairs, so that they can be compared.
    """
    found: list[tuple[Answers, np.ndarray]] = []
    for path in paths:
        givers = {name: _givers(path, gold) for name, gold in golds.items()}
        for answer in read_answers(path, golds, sampled=True):
            who = f"{path}: {answer.method}, seed {answer.seed}, {answer.dataset}"
            if answer.method not in methods or answer.seed not in methods[answer.method].seeds:
                raise UserError(f"{who}: no cost.json tells of its training; give it by --costs")
            pairs = [giver for other, giver in found if other.dataset == answer.dataset]
            giver = givers[answer.dataset]
            if any((giver != other).any() for other in pairs):
                raise UserError(
                    f"{who}: its questions stand with other DNA than those of another method; probe"
                    " every method of a suite with the same settings"
                )
            found.append((_with_dna(answer, giver, golds[answer.dataset]), giver))
    return found


def score_conflicts(
    golds: dict[str, Gold],
    conflicts: list[tuple[Answers, np.ndarray]],
    answers: list[Answers],
    names: tuple[str, str],
) -> dict[Place, dict[str, Score]]:
    """The share of answers that follow the text, the DNA, and neither, of everything that answers;
    rows are of the question's split, and of what decides its label."""
    found: dict[Place, dict[str, Score]] = {}
    for dataset, gold in golds.items():
        asked = [(answer, giver) for answer, giver in conflicts if answer.dataset == dataset]
        if not asked:
            continue
        giver = asked[0][1]
        ours = [answer for answer, _ in asked] + list(_unasked(gold, asked, answers))
        for subset, members in halves(gold).items():
            for split in ("val", "test"):
                chosen = (giver >= 0) & members & (gold.split == split)
                if not chosen.any():
                    continue
                for (method, probe), values in scores(gold, chosen, ours, names).items():
                    place = Place(dataset, split, subset, method, probe)
                    found[place] = {metric: values[metric] for metric in _SHARES}
    return found


def _givers(path: Path, gold: Gold) -> np.ndarray:
    """The gold row int[n] whose DNA stands with each question, -1 where none does, or where either
    record is one of val that is not scored."""
    table = tables.read(path, tables.CONFLICTS, ["id", "dataset", "dna_of"])
    table = table.filter(pc.equal(table["dataset"], gold.dataset)).combine_chunks()
    for side in ("id", "dna_of"):
        table = table.filter(pc.invert(pc.is_in(table[side], gold.left_out))).combine_chunks()
    rows, givers = (pc.index_in(table[side], gold.id) for side in ("id", "dna_of"))
    if givers.null_count:
        stranger = table["dna_of"].filter(pc.is_null(givers))[0].as_py()
        raise UserError(
            f"{path}: the DNA of {stranger!r}, which is no val or test record of {gold.dataset};"
            " probe it again"
        )
    found = np.full(len(gold.id), -1)
    found[rows.to_numpy()] = givers.to_numpy()
    return found


def _unasked(
    gold: Gold, asked: list[tuple[Answers, np.ndarray]], answers: list[Answers]
) -> Iterator[Answers]:
    """The answers of what reads the question alone, or the DNA alone."""
    giver, was_asked = asked[0][1], {answer.method for answer, _ in asked}
    for answer in answers:
        if answer.dataset != gold.dataset or answer.method in was_asked:
            continue
        method, control = METHODS.get(answer.method), CONTROLS["language"].get(answer.method)
        if control and control.reads_dna:
            if not answer.present[giver[giver >= 0]].all():
                continue
            answer = replace(answer, predicted=answer.predicted[giver])
        elif not control and (method is None or method.sees_dna):
            continue
        if answer.present[giver >= 0].all():
            yield _with_dna(answer, giver, gold)


def _with_dna(answer: Answers, giver: np.ndarray, gold: Gold) -> Answers:
    """The answer as one in a conflict; what is scored of its own text or likelihood is left out."""
    return Answers(
        dataset=answer.dataset,
        method=answer.method,
        seed=answer.seed,
        probe=CONFLICT,
        present=giver >= 0,
        predicted=answer.predicted,
        dna_label=gold.label[giver],
    )
