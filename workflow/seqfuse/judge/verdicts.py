"""One row a verdict: every answer in every dimension, from the local judge or a server."""

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
    """What is judged: a draw of at most `most` test records of each dataset with reasoning."""
    if len(datasets) != len(records):
        raise UserError(
            f"--records: {len(records)} files for {len(datasets)} datasets; give one each, in order"
        )
    if method not in REFERENCES and predictions is None:
        raise UserError(f"--predictions is missing: {method} is no control of the judge")
    found: list[Answer] = []
    for dataset, path in zip(datasets, records, strict=True):
        train, judged = reasoning.read_records(path, most, seed)
        if method in REFERENCES:
            found += reasoning.of_reference(method, dataset, train, judged)
        else:
            found += reasoning.of_method(predictions, dataset, method, judged)
    if not found:
        raise UserError(f"{', '.join(map(str, records))}: no test record has a reasoning to judge")
    return found


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
    """The verdicts of every judge behind a server, from the store where they are there.

    An answer without any reasoning is not sent: it scores 0.
    """
    from seqfuse.judge.store import Store

    store = Store(folder, name)
    asked = _questions(answers, settings)
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
        for (judge, answer, dimension), question in asked.items()
    ]


def missing(answers: list[Answer], settings, store: "Store") -> list[Question]:
    """What there is to ask: each question once, and nothing about an empty answer."""
    new = {
        question.key: question
        for (_, answer, _), question in _questions(answers, settings).items()
        if answer.candidate and not store.holds(question.key)
    }
    return list(new.values())


def _ask(questions: list[Question], settings, store: "Store") -> None:
    """Ask in parallel, or in batches; what earlier batches will answer is not asked again."""
    # The package takes half a second to import, which the local judge does not need.
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
    """One reader of answers: a row of the table and a model, with the candidate first or last."""

    name: str
    model: str
    candidate_first: bool = False
    repeat: int = 1


def _judges(settings) -> list[_Judge]:
    """The judges of a run: the model, and what it is checked against, each under its own name."""
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
    found = {}
    for judge in _judges(settings):
        for answer in answers:
            for dimension, prompt in prompts.items():
                material = _material(answer, judge.candidate_first)
                found[judge.name, answer, dimension] = Question(
                    judge.model, dimension, prompt, material, settings.answer_tokens, judge.repeat
                )
    return found


def budget(settings) -> Budget:
    """What the settings let a run spend."""
    if settings.max_cost is not None and not settings.output_price:
        raise UserError(
            "judge.max_cost limits nothing without a price; set judge.input_price and "
            "judge.output_price (USD a million tokens)"
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
