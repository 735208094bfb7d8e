"""Conflicts: does an answer follow the question of one record or the DNA of another?

Methods that see both were asked again, and their answers are read here. The others need not be
asked again: a method or control that sees no DNA answers a question as it did elsewhere, and a
control that sees only the DNA answers as it did for the record that the DNA is from.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.evaluation.answers import Answers, read_answers
from seqfuse.evaluation.gold import Gold
from seqfuse.evaluation.score import Score, scores
from seqfuse.evaluation.suite_inputs import Method, checked_source
from seqfuse.evaluation.suite_scores import Place, halves
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.methods import METHODS
from seqfuse.registry.metrics import CONFLICT

_SHARES = ("follows_text", "follows_dna", "follows_neither", "text_over_dna")


def read_conflicts(
    paths: list[Path], golds: dict[str, Gold], methods: dict[str, Method]
) -> list[tuple[Answers, np.ndarray]]:
    """The answers of every table, each with the gold rows int[n] that the DNA of its questions is
    from (-1: not asked).

    All methods of a dataset must be asked about the same pairs, so that they can be compared.
    """
    conflicts: list[tuple[Answers, np.ndarray]] = []
    for path in paths:
        donors = {name: _donors(path, gold) for name, gold in golds.items()}
        for answer in read_answers(path, golds, sampled=True):
            who = checked_source(path, answer, methods)
            donor = donors[answer.dataset]
            earlier = [other for a, other in conflicts if a.dataset == answer.dataset]
            if any((donor != other).any() for other in earlier):
                raise UserError(
                    f"{who}: its questions are paired with other DNA than those of another method;"
                    " probe every method of a suite with the same settings"
                )
            conflicts.append((_with_dna(answer, donor, golds[answer.dataset]), donor))
    return conflicts


def score_conflicts(
    golds: dict[str, Gold],
    conflicts: list[tuple[Answers, np.ndarray]],
    answers: list[Answers],
    names: tuple[str, str],
) -> dict[Place, dict[str, Score]]:
    """The shares of each method's and control's answers that follow the text, the DNA, and neither.

    A pair belongs to the split and subset of the record that its question is from.
    """
    by_place: dict[Place, dict[str, Score]] = {}
    for dataset, gold in golds.items():
        asked = [(answer, donor) for answer, donor in conflicts if answer.dataset == dataset]
        if not asked:
            continue
        donor, asked_again = asked[0][1], [answer for answer, _ in asked]
        ours = asked_again + list(_of_one_source(gold, asked_again, donor, answers))
        for subset, members in halves(gold).items():
            for split in ("val", "test"):
                chosen = (donor >= 0) & members & (gold.split == split)
                if not chosen.any():
                    continue
                for (method, probe), values in scores(gold, chosen, ours, names).items():
                    place = Place(dataset, split, subset, method, probe)
                    by_place[place] = {metric: values[metric] for metric in _SHARES}
    return by_place


def _donors(path: Path, gold: Gold) -> np.ndarray:
    """The gold row int[n] whose DNA is shown with each question; -1 if the question is not asked,
    or if either record is a validation record that is not scored."""
    table = tables.read(path, tables.CONFLICTS, ["id", "dataset", "dna_of"])
    table = table.filter(pc.equal(table["dataset"], gold.dataset)).combine_chunks()
    for side in ("id", "dna_of"):
        table = table.filter(pc.invert(pc.is_in(table[side], gold.left_out))).combine_chunks()
    rows, donors = (pc.index_in(table[side], gold.id) for side in ("id", "dna_of"))
    if donors.null_count:
        stranger = table["dna_of"].filter(pc.is_null(donors))[0].as_py()
        raise UserError(
            f"{path}: the DNA of {stranger!r}, which is no val or test record of {gold.dataset};"
            " probe it again"
        )
    donor_of = np.full(len(gold.id), -1)
    donor_of[rows.to_numpy()] = donors.to_numpy()
    return donor_of


def _of_one_source(
    gold: Gold, asked: list[Answers], donor: np.ndarray, answers: list[Answers]
) -> Iterator[Answers]:
    """The answers of methods and controls that see only the question, or only the DNA."""
    was_asked = {answer.method for answer in asked}
    for answer in answers:
        if answer.dataset != gold.dataset or answer.method in was_asked:
            continue
        method, control = METHODS.get(answer.method), CONTROLS["language"].get(answer.method)
        if control and control.reads_dna:
            if not answer.present[donor[donor >= 0]].all():
                continue
            answer = replace(answer, predicted=answer.predicted[donor])
        elif not control and (method is None or method.sees_dna):
            continue
        if answer.present[donor >= 0].all():
            yield _with_dna(answer, donor, gold)


def _with_dna(answer: Answers, donor: np.ndarray, gold: Gold) -> Answers:
    """The answer as one to a conflict, without its text and likelihoods, which are not scored."""
    return Answers(
        dataset=answer.dataset,
        method=answer.method,
        seed=answer.seed,
        probe=CONFLICT,
        present=donor >= 0,
        predicted=answer.predicted,
        dna_label=gold.label[donor],
    )
