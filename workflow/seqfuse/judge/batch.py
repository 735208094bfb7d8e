"""The judge through the Batch API: all questions of a model in one file, verdicts within a day.

Batches are cheaper and slower. Before a batch is sent, its questions are written to a file beside
the store, under a name that the batch carries as metadata. Creating a batch is never tried twice:
if it is unclear whether the server took one (connection lost, process killed), the server's batches
are searched for that name. So a run picks up the pending batches of earlier runs, and no question
is paid for twice.
"""

import asyncio
import json
import time
from collections.abc import Coroutine
from pathlib import Path

import openai

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.judge.batch_api import BatchApi
from seqfuse.judge.budget import Attempt, Budget, Ledger
from seqfuse.judge.connection import (
    TROUBLE,
    not_taken,
    pause,
    trouble,
    why_refused,
    without_key,
    worth_another,
)
from seqfuse.judge.question import Question
from seqfuse.judge.reading import FLAGGED, NoAnswer, read_verdict, refused
from seqfuse.judge.store import Store
from seqfuse.progress import say
from seqfuse.training.interruption.preemption import locked

_POLL = 30.0
# Seconds after which a batch that the server does not list counts as not taken.
_SETTLES = 300.0
# Statuses of a question that the server will not answer, however often it is asked.
_REFUSALS = {*range(400, 500)} - {408, 409, 429}
_OVER = ("completed", "failed", "expired", "cancelled")


class Batches:
    """Questions sent to a server in batches, whose verdicts are collected into the store."""

    def __init__(
        self, base_url: str | None, budget: Budget, attempts: int, timeout: float, store: Store
    ):
        self._store, self._budget = store, budget
        self._ledger = Ledger(store.folder, budget)
        self._api = BatchApi(base_url, attempts, timeout)
        self._lock = store.folder / ".asking"
        # Why a question came back without a verdict, by key; `_hopeless` ones always will.
        self._wrong: dict[str, str] = {}
        self._hopeless: set[str] = set()

    def ask(self, questions: list[Question]) -> None:
        """Store the verdict of every question; `UserError` if some got none."""
        self._run(self._ask(questions))

    def pick_up(self, questions: list[Question]) -> None:
        """Store the verdicts of pending batches on these questions, whichever run sent them."""
        self._run(self._collect_all({question.key for question in questions}))

    def _run(self, work: Coroutine) -> None:
        async def closing() -> None:
            async with self._api.client:
                await work

        try:
            asyncio.run(closing())
        except openai.APIStatusError as error:
            raise UserError(f"{why_refused(error)}; pending batches will be picked up") from None
        except TROUBLE as error:
            raise UserError(
                f"the server at {self._api.client.base_url.host}: {trouble(error)}; run again "
                "later, pending batches will be picked up"
            ) from None

    async def _ask(self, questions: list[Question]) -> None:
        keys = {question.key for question in questions}
        for attempt in range(self._api.attempts):
            await self._collect_all(keys)
            with locked(self._lock):
                under_way = {key for path in self._under_way(keys) for key in _asked(path)}
                missing = [
                    question
                    for question in questions
                    if question.key not in under_way | self._hopeless
                    and not self._store.holds(question.key)
                ]
                for model in dict.fromkeys(question.model for question in missing):
                    await self._submit([one for one in missing if one.model == model], attempt)
            if not missing and not under_way:
                break
        await self._collect_all(keys)
        left = [key for key in keys if not self._store.holds(key)]
        if left:
            wrong = next((f" ({self._wrong[key]})" for key in left if key in self._wrong), "")
            raise UserError(
                f"{len(left)} of {len(questions)} questions came back without a verdict{wrong}; "
                "run again to ask them anew"
            )

    async def _collect_all(self, keys: set[str]) -> None:
        for path in self._under_way(keys):
            await self._collect(path)

    def _under_way(self, keys: set[str]) -> list[Path]:
        """The files of batches, sent or about to be, that ask any of these questions."""
        return [path for path in self._store.under_way() if keys & _asked(path)]

    async def _submit(self, questions: list[Question], attempt: int) -> None:
        """Write the file of a batch of one model's questions, then send the batch."""
        most = {question.key: self._budget.most(question) for question in questions}
        sent = Attempt(sum(most.values()), requests=len(questions))
        path = self._store.folder / f"{self._store.name}.batch.{sent.name}.json"
        about = {question.key: question.about for question in questions}
        intent = {"name": sent.name, "since": time.time(), "most": most, "about": about}
        write_json(path, intent)
        if refusal := self._ledger.reserve(sent):
            path.unlink()
            raise UserError(refusal)
        try:
            file = await self._api.upload(questions)
        except (openai.APIStatusError, *TROUBLE):
            self._cancel(path, sent.name)
            raise
        try:
            write_json(path, intent | {"batch": await self._api.create(file, sent.name)})
        except (openai.APIStatusError, *TROUBLE) as error:
            if not not_taken(error):
                return  # `_collect` will look for it on the server
            self._cancel(path, sent.name)
            if not isinstance(error, openai.APIStatusError) or not worth_another(error):
                raise
            await asyncio.sleep(pause(attempt, error.response.headers))
            return
        say(f"{questions[0].model}: a batch of {len(questions)} questions is under way")

    async def _collect(self, path: Path) -> None:
        """Wait for a batch, store its verdicts, and forget it."""
        with locked(self._lock):  # a process that is still sending holds the lock
            intent = _intent(path)
            batch_id = intent.get("batch") or await self._batch_id(path, intent)
        if batch_id is None:
            return
        batch = await self._api.batch(batch_id)
        while batch["status"] not in _OVER:
            await asyncio.sleep(_POLL)
            batch = await self._api.batch(batch_id)
        say(f"batch {batch_id}: {batch['status']}")
        lines, whole = await self._api.lines(batch)
        with locked(self._lock):
            if not path.exists():
                return  # another process has stored its verdicts
            most = intent["most"]
            line_of = {line["custom_id"]: line for line in lines if line.get("custom_id") in most}
            paid = sum(self._keep(intent, key, line) for key, line in line_of.items())
            if not whole:
                paid += sum(most[key] for key in most if key not in line_of)
            self._ledger.settle(intent["name"], paid)
            path.unlink()
        if batch["status"] in ("failed", "cancelled"):
            errors = (batch.get("errors") or {}).get("data") or [{}]
            message = without_key(errors[0].get("message") or batch["status"])
            raise UserError(f"batch {batch_id} ended early ({message}); fix that and run again")

    async def _batch_id(self, path: Path, intent: dict) -> str | None:
        """The id of the batch with the name in `intent`, or None if the server took none."""
        if not intent or not self._ledger.is_open(intent["name"]):
            path.unlink(missing_ok=True)  # collected meanwhile, or stopped before it was sent
            return None
        while True:
            last_look = time.time() > intent["since"] + _SETTLES
            try:
                batch_id = await self._api.named(intent["name"], intent["since"])
            except openai.APIStatusError as error:
                if worth_another(error):
                    raise
                raise UserError(
                    f"cannot tell whether the server took a batch: {why_refused(error)}; remove "
                    f"{path} to have its {len(intent['most'])} questions asked again"
                ) from None
            if batch_id is not None:
                write_json(path, intent | {"batch": batch_id})
                return batch_id
            if last_look:
                self._cancel(path, intent["name"])
                return None
            await asyncio.sleep(_POLL)

    def _keep(self, intent: dict, key: str, line: dict) -> float:
        """Store the verdict of a line; its cost in USD."""
        answer = line.get("response") or {}
        body, most = answer.get("body") or {}, intent["most"][key]
        error = line.get("error") or (body.get("error") if isinstance(body, dict) else None) or {}
        code = error.get("code") if isinstance(error, dict) else None
        paid = 0.0
        try:
            if answer.get("status_code") == 200:
                paid = most
                verdict = read_verdict(json.dumps(body))
                paid = self._budget.paid(verdict, most)
            elif code in FLAGGED:
                verdict = refused(code)
            else:
                status = answer.get("status_code")
                if status in _REFUSALS:
                    self._hopeless.add(key)
                raise NoAnswer(f"HTTP {status}: {code or error}")
        except NoAnswer as missing:
            if missing.code not in FLAGGED:
                self._wrong[key] = without_key(missing)
                return paid
            verdict = refused(missing.code)
        self._store.add(intent["about"][key] | verdict, intent["name"])
        return paid

    def _cancel(self, path: Path, name: str) -> None:
        self._ledger.cancel(name)
        path.unlink()


def _asked(path: Path) -> set[str]:
    """The keys of the questions of a batch."""
    return set(_intent(path).get("most", ()))


def _intent(path: Path) -> dict:
    """The content of a batch's file; {} if another process has collected the batch meanwhile."""
    try:
        return read_json(path)
    except UserError:
        if path.exists():
            raise
        return {}
