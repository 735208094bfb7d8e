"""One row a verdict: every answer in every dimension, from the local judge or a server."""

from pathlib import Path

from seqfuse.config import RESOURCES
from seqfuse.errors import UserError
from seqfuse.files import canonical_json, digest
from seqfuse.judge import overlap, reasoning
from seqfuse.judge.catalogue import DIMENSIONS, REFERENCES
from seqfuse.judge.reasoning import Answer


def answers(
    method: str, datasets: list[str], records: list[Path], predictions: Path | None, most: int
) -> list[Answer]:
    """What is judged: at most `most` test records of each dataset that has reasoning."""
    if len(datasets) != len(records):
        raise UserError(
            f"--records: {len(records)} files for {len(datasets)} datasets; give one each, in order"
        )
    if method not in REFERENCES and predictions is None:
        raise UserError(f"--predictions is missing: {method} is no control of the judge")
    found: list[Answer] = []
    for dataset, path in zip(datasets, records, strict=True):
        train, judged = reasoning.read_records(path, most)
        if method in REFERENCES:
            found += reasoning.of_reference(method, dataset, train, judged)
        else:
            found += reasoning.of_method(predictions, dataset, method, judged)
    if not found:
        raise UserError(f"{', '.join(map(str, records))}: no test record has a reasoning to judge")
    return found


def by_overlap(answers: list[Answer]) -> list[dict]:
    """The local judge's verdicts."""
    rows = []
    for answer in answers:
        for dimension in DIMENSIONS:
            score, reason = overlap.score(dimension, answer.reference, answer.candidate)
            verdict = {"status": "ok", "score": score, "reason": reason}
            rows.append(
                _row(answer, "overlap", dimension, _key("overlap", dimension, answer), verdict)
            )
    return rows


def by_server(answers: list[Answer], settings, folder: Path, name: str) -> list[dict]:
    """A server's verdicts, from the store where they are there; the others are asked for.

    An answer without any reasoning is not sent: it scores 0.
    """
    # The package takes half a second to import, which the local judge does not need.
    from seqfuse.judge.server import Question, Server
    from seqfuse.judge.store import Store

    store = Store(folder, name)
    prompts = {dimension: _prompt(dimension) for dimension in DIMENSIONS}
    asked = {
        (answer, dimension): _key(settings.model, prompt, answer)
        for answer in answers
        for dimension, prompt in prompts.items()
    }
    questions = {
        key: Question(key, dimension, prompts[dimension], _material(answer))
        for (answer, dimension), key in asked.items()
        if answer.candidate and key not in store
    }
    if questions:
        Server(
            model=settings.model,
            base_url=settings.base_url,
            max_requests=settings.max_requests,
            concurrency=settings.concurrency,
            attempts=settings.attempts,
            timeout=settings.timeout,
            store=store,
        ).ask(list(questions.values()))
    nothing = {"status": "ok", "score": 0.0, "reason": "no reasoning was generated"}
    return [
        _row(answer, settings.model, dimension, key, store[key] if answer.candidate else nothing)
        for (answer, dimension), key in asked.items()
    ]


def _prompt(dimension: str) -> str:
    return (RESOURCES / "judge" / f"{dimension}.md").read_text(encoding="utf-8")


def _material(answer: Answer) -> str:
    return canonical_json({"reference": answer.reference, "candidate": answer.candidate})


def _key(judge: str, prompt: str, answer: Answer) -> str:
    return digest(canonical_json([judge, prompt, _material(answer)]))


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
    }
