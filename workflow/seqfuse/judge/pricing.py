"""How many requests judging would take and what they would cost; nothing is sent."""

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
    """One line for each call of `seqfuse judge` (its arguments and settings), then their sum.

    A method without predictions yet is assumed to answer with `seeds` seeds.
    """
    to_ask: dict[str, Question] = {}
    for call, settings in calls:
        if settings.judge != "openai":
            yield "judge.judge is overlap: words are counted locally, nothing is asked"
            return
        who = f"{call.suite} {call.method}"
        if not all(path.exists() for path in call.records):
            yield f"{who}: unknown until its records exist (snakemake --until sequences)"
            continue
        answered = call.predictions is None or call.predictions.exists()
        answers = _answers(call, settings, 0 if answered else seeds)
        store = Store(call.store, f"{call.suite}.{call.method}")
        questions = verdicts.missing(answers, settings, store)
        guess = "" if answered else " (no answers yet: assumed to be as long as the reference)"
        yield f"{who}: {cost(questions, verdicts.budget(settings))}{guess}"
        # Answers still to come will differ between methods, so they are counted for each.
        prefix = "" if answered else who
        to_ask |= {f"{prefix}{question.key}": question for question in questions}
    if to_ask:
        budget = verdicts.budget(settings)
        ledger = Ledger(call.store, budget)
        yield f"together: {cost(list(to_ask.values()), budget)}{ledger.total()} so far"
    elif not calls:
        yield "Nothing is left to judge."


def cost(questions: Sequence[Question], budget: Budget) -> str:
    """The number of requests, and their cost for the prompts alone and at most."""
    # English has about four bytes per token; "at most" is what the budget reserves.
    tokens = sum(len(canonical_json(question.body).encode()) for question in questions) // 4
    most = sum(budget.most(question) for question in questions)
    return (
        f"{len(questions)} requests with about {tokens} prompt tokens: "
        f"{budget.price(tokens, 0):.4f} USD before any answer, {most:.4f} USD at most"
    )


def _answers(call: argparse.Namespace, settings, seeds: int) -> list[Answer]:
    """The answers to judge; without predictions yet, the references stand in, once per seed."""
    if not seeds or call.method in REFERENCES:
        return verdicts.answers(
            call.method, call.datasets, call.records, call.predictions, settings.rows, settings.seed
        )
    stand_ins = []
    for dataset, path in zip(call.datasets, call.records, strict=True):
        _, judged = reasoning.read_records(path, settings.rows, settings.seed)
        for answer in reasoning.of_reference("ceiling", dataset, [], judged):
            stand_ins += [
                replace(answer, seed=seed, candidate=f"{answer.candidate} {seed}")
                for seed in range(seeds)
            ]
    return stand_ins
