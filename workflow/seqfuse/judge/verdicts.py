"""The rows of verdicts, one for each answer and dimension, from the local judge or a server."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.errors import UserError
from seqfuse.files import canonical_json, digest
from seqfuse.judge import overlap, reasoning
from seqfuse.judge.budget import Budget
from seqfuse.judge.question import Question
from seqfuse.judge.reasoning import Answer
from seqfuse.registry.judges import DIMENSIONS, OVERLAP, REFERENCES, WORD_OVERLAP
from seqfuse.settings.paths import RESOURCES, in_checkout

if TYPE_CHECKING:
    from seqfuse.judge.store import Store


def answers(
    method: str,
    datasets: list[str],
    records: list[Path],
    predictions: Path | None,
    most: int,
    seed: int,
) -> list[Answer]:
    """The answers to judge, for at most `most` test records of each dataset, drawn with `seed`.

    Only records with a reference reasoning are drawn.
    """
    if len(datasets) != len(records):
        raise UserError(
            f"--records: {len(records)} files for {len(datasets)} datasets; give one each, in order"
        )
    if method not in REFERENCES and predictions is None:
        raise UserError(f"--predictions is missing: {method} is not one of the judge's controls")
    chosen: list[Answer] = []
    for dataset, path in zip(datasets, records, strict=True):
        train, judged = reasoning.read_records(path, most, seed)
        if method in REFERENCES:
            chosen += reasoning.of_reference(method, dataset, train, judged)
        else:
            chosen += reasoning.of_method(predictions, dataset, method, judged)
    if not chosen:
        raise UserError(f"{', '.join(map(str, records))}: no test record has a reasoning to judge")
    return chosen


def by_overlap(answers: list[Answer]) -> list[dict]:
    """The local judge's verdicts."""
    [dimension] = WORD_OVERLAP
    rows = []
    for answer in answers:
        score, reason = overlap.score(answer.reference, answer.candidate)
        key = digest(canonical_json([OVERLAP, answer.reference, answer.candidate]))
        verdict = {"status": "ok", "score": score, "reason": reason}
        rows.append(_row(answer, OVERLAP, dimension, key, verdict))
    return rows


def by_server(answers: list[Answer], settings, folder: Path, name: str) -> list[dict]:
    """The verdicts of every judge behind a server, taken from the store as far as it has them.

    An answer without reasoning is not sent; it scores 0.
    """
    from seqfuse.judge.store import Store

    store = Store(folder, name)
    questions = _questions(answers, settings)
    if new := missing(answers, settings, store):
        _ask(new, settings, store)
    nothing = {"status": "ok", "score": 0.0, "reason": "no reasoning was generated"}
    return [
        _row(
            answer,
            judge,
            dimension,
            question.key,
            store[question.key] if answer.candidate else nothing,
        )
        for (judge, answer, dimension), question in questions.items()
    ]


def missing(answers: list[Answer], settings, store: "Store") -> list[Question]:
    """The questions still to ask, each once; none about an empty answer."""
    new = {
        question.key: question
        for (_, answer, _), question in _questions(answers, settings).items()
        if answer.candidate and not store.holds(question.key)
    }
    return list(new.values())


def _ask(questions: list[Question], settings, store: "Store") -> None:
    """Ask in parallel, or in batches, except for what a pending batch will answer."""
    # They import openai, which takes half a second and which the local judge does not need.
    from seqfuse.judge.batch import Batches
    from seqfuse.judge.server import Server

    common = {"base_url": settings.base_url, "budget": budget(settings), "store": store}
    common |= {"attempts": settings.attempts, "timeout": settings.timeout}
    if settings.batch:
        Batches(**common).ask(questions)
        return
    if store.under_way():
        Batches(**common).pick_up(questions)
    keeps = settings.keep_answers
    if keeps is None:
        keeps = settings.base_url is None
    server = Server(**common, concurrency=settings.concurrency, keeps=keeps)
    server.ask([question for question in questions if not store.holds(question.key)])


@dataclass(frozen=True)
class _Judge:
    """One judge in the table: a model, and the order in which it reads the two texts."""

    name: str
    model: str
    candidate_first: bool = False
    repeat: int = 1


def _judges(settings) -> list[_Judge]:
    """The judges of a run: the model and, each under its own name, the checks on it."""
    judges = [_Judge(settings.model, settings.model)]
    if settings.second_model:
        judges.append(_Judge(settings.second_model, settings.second_model))
    if settings.swap_order:
        judges.append(_Judge(f"{settings.model}, candidate first", settings.model, True))
    for repeat in range(2, settings.repeats + 1):
        name = f"{settings.model}, repeat {repeat}"
        judges.append(_Judge(name, settings.model, repeat=repeat))
    return judges


def _questions(answers: list[Answer], settings) -> dict[tuple, Question]:
    """{(judge's name, answer, dimension): question}."""
    prompts = {dimension: _prompt(dimension) for dimension in DIMENSIONS}
    questions = {}
    for judge in _judges(settings):
        for answer in answers:
            for dimension, prompt in prompts.items():
                material = _material(answer, judge.candidate_first)
                questions[judge.name, answer, dimension] = Question(
                    judge.model, dimension, prompt, material, settings.answer_tokens, judge.repeat
                )
    return questions


def budget(settings) -> Budget:
    """The most that a run may spend under the settings."""
    if settings.max_cost is not None and not settings.output_price:
        raise UserError(
            "judge.max_cost has no effect without a price; set judge.input_price and "
            "judge.output_price (USD per million tokens)"
        )
    return Budget(
        requests=settings.max_requests,
        cost=settings.max_cost,
        input_price=settings.input_price,
        output_price=settings.output_price,
    )


def _prompt(dimension: str) -> str:
    return in_checkout(RESOURCES / "judge" / f"{dimension}.md").read_text(encoding="utf-8")


def _material(answer: Answer, candidate_first: bool) -> str:
    """Both texts as JSON, in the order in which the judge reads them."""
    texts = {"reference": answer.reference, "candidate": answer.candidate}
    names = ("candidate", "reference") if candidate_first else ("reference", "candidate")
    return json.dumps({name: texts[name] for name in names}, ensure_ascii=False)


def _row(answer: Answer, judge: str, dimension: str, key: str, verdict: dict) -> dict:
    return {
        "id": answer.id,
        "dataset": answer.dataset,
        "method": answer.method,
        "seed": answer.seed,
        "judge": judge,
        "dimension": dimension,
        "status": verdict["status"],
        "key": key,
        "score": verdict["score"],
        "reason": verdict["reason"],
        "prompt": verdict.get("prompt"),
        "prompt_tokens": verdict.get("prompt_tokens"),
        "answer_tokens": verdict.get("completion_tokens"),
    }
