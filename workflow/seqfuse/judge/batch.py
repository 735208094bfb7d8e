"""The judge through the Batch API: all questions of a model in one file, verdicts within a day.

Batches cost less and are asked for slowly. Which batches are under way stands beside the store, so
that a run that is stopped while it waits picks them up again and pays nothing twice.
"""

import json
import time
from pathlib import Path

import openai

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.judge.budget import Budget, Ledger, Question
from seqfuse.judge.server import about, read_verdict, request, said, secret
from seqfuse.judge.store import Store
from seqfuse.progress import say
from seqfuse.training.interruption.preemption import Interruption

_ENDPOINT = "/v1/chat/completions"
_POLL = 30.0
_OVER = ("completed", "failed", "expired", "cancelled")


class Batches:
    """The Batch API of a server: what is asked waits there, what comes back goes to the store."""

    def __init__(
        self, base_url: str | None, budget: Budget, attempts: int, timeout: float, store: Store
    ):
        """The key comes from the environment and goes nowhere but into the request's header."""
        self._store, self._budget = store, budget
        self._ledger = Ledger(store.folder, budget)
        # Asking how a batch does is free, so that the package's own attempts serve.
        self._client = openai.OpenAI(
            api_key=secret(base_url), base_url=base_url, timeout=timeout, max_retries=attempts - 1
        )

    def ask(self, questions: list[Question]) -> None:
        """Store the verdict of every question; `UserError` if some could not be had."""
        try:
            for path in self._under_way():
                self._collect(path)
            missing = [question for question in questions if not self._store.holds(question.key)]
            for model in dict.fromkeys(question.model for question in missing):
                self._submit([question for question in missing if question.model == model])
            for path in self._under_way():
                self._collect(path)
        except openai.APIStatusError as error:
            raise UserError(f"{said(error)}; what is under way will be picked up") from None
        except openai.APIConnectionError:
            raise UserError(
                f"no connection to the server at {self._client.base_url.host}; run again later, "
                "what is under way will be picked up"
            ) from None
        left = sum(not self._store.holds(question.key) for question in questions)
        if left:
            raise UserError(
                f"{left} of {len(questions)} questions came back without a verdict; run again to "
                "ask them anew"
            )

    def _under_way(self) -> list[Path]:
        return sorted(self._store.folder.glob(f"{self._store.name}.batch.*.json"))

    def _submit(self, questions: list[Question]) -> None:
        """Send one model's questions, and remember their batch in a file."""
        most = {question.key: self._budget.most(question) for question in questions}
        if refusal := self._ledger.reserve(list(most.values())):
            raise UserError(refusal)
        lines = [
            {"custom_id": question.key, "method": "POST", "url": _ENDPOINT}
            | {"body": request(question, self._budget.answer_tokens)}
            for question in questions
        ]
        content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        try:
            file = self._client.files.create(
                file=("questions.jsonl", content.encode()), purpose="batch"
            )
            with Interruption():  # a batch that is not remembered would be paid for twice
                batch = self._client.batches.create(
                    input_file_id=file.id, endpoint=_ENDPOINT, completion_window="24h"
                )
                path = self._store.folder / f"{self._store.name}.batch.{batch.id}.json"
                kept = {question.key: about(question) for question in questions}
                write_json(path, {"batch": batch.id, "most": most, "about": kept})
        except openai.APIError:
            self._ledger.correct(-sum(most.values()))
            raise
        say(f"{questions[0].model}: batch {batch.id} of {len(questions)} questions is under way")

    def _collect(self, path: Path) -> None:
        """Wait for a batch, store its verdicts, and forget it."""
        known = read_json(path)
        batch = self._client.batches.retrieve(known["batch"])
        while batch.status not in _OVER:
            time.sleep(_POLL)
            batch = self._client.batches.retrieve(known["batch"])
        say(f"batch {batch.id}: {batch.status}")
        paid = 0.0
        for line in self._lines(batch.output_file_id):
            answer, key = line.get("response") or {}, line.get("custom_id")
            if answer.get("status_code") != 200 or key not in known["about"]:
                continue
            verdict = read_verdict(json.dumps(answer.get("body")))
            paid += self._budget.paid(verdict, known["most"][key])
            if not self._store.holds(key):
                self._store.add(known["about"][key] | verdict)
        self._ledger.correct(paid - sum(known["most"].values()))
        path.unlink()

    def _lines(self, file: str | None) -> list[dict]:
        if file is None:
            return []
        lines = self._client.files.content(file).text.splitlines()
        return [json.loads(line) for line in lines if line.strip()]
