"""What judging would ask and cost, of one method or of all of a run; nothing is sent."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seqfuse.files import canonical_json
from seqfuse.judge import reasoning, verdicts
from seqfuse.judge.budget import Budget, Ledger
from seqfuse.judge.question import Question
from seqfuse.judge.reasoning import Answer
from seqfuse.judge.store import Store
from seqfuse.registry.judges import REFERENCES


def lines(calls: Sequence[tuple[argparse.Namespace, object]], seeds: int) -> Iterator[str]:
    """A line for each call of `seqfuse judge` (its arguments and settings), and their sum; a method
    has so many `seeds`."""
    asked: dict[str, Question] = {}
    for call, settings in calls:
        if settings.judge != "openai":
            yield "judge.judge is overlap: words are counted here, nothing is asked"
            return
        who = f"{call.suite} {call.method}"
        if not all(path.exists() for path in call.records):
            yield f"{who}: not known before its records are there (snakemake --until sequences)"
            continue
        there = call.predictions is None or call.predictions.exists()
        answers = _answers(call, settings, seeds if not there else 0)
        store = Store(call.store, f"{call.suite}.{call.method}")
        questions = verdicts.missing(answers, settings, store)
        guess = "" if there else " (no answers yet: taken to be as long as the reference)"
        yield f"{who}: {cost(questions, verdicts.budget(settings))}{guess}"
        # Answers that are not there yet will differ from each other.
        asked |= {f"{'' if there else who}{question.key}": question for question in questions}
    if asked:
        budget = verdicts.budget(settings)
        ledger = Ledger(call.store, budget)
        yield f"together: {cost(list(asked.values()), budget)}{ledger.total()} so far"
    elif not calls:
        yield "Nothing is left to judge."


def cost(questions: Sequence[Question], budget: Budget) -> str:
    """How many requests there are, and what they cost before any answer and at most."""
    # English has about four bytes a token; "at most" is what the budget reserves.
    tokens = sum(len(canonical_json(question.body).encode()) for question in questions) // 4
    most = sum(budget.most(question) for question in questions)
    return (
        f"{len(questions)} requests with about {tokens} prompt tokens: "
        f"{budget.price(tokens, 0):.4f} USD before any answer, {most:.4f} USD at most"
    )


def _answers(call: argparse.Namespace, settings, seeds: int) -> list[Answer]:
    """What is judged; of `seeds` that have not answered yet, their references in their place."""
    if not seeds or call.method in REFERENCES:
        return verdicts.answers(
            call.method, call.datasets, call.records, call.predictions, settings.rows, settings.seed
        )
    found = []
    for dataset, path in zip(call.datasets, call.records, strict=True):
        _, judged = reasoning.read_records(path, settings.rows, settings.seed)
        for answer in reasoning.of_reference("ceiling", dataset, [], judged):
            found += [
                replace(answer, seed=seed, candidate=f"{answer.candidate} {seed}")
                for seed in range(seeds)
            ]
    return found
