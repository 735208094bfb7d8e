"""The judge through the Batch API: all questions of a model in one file, verdicts within a day.

Batches cost less and are asked for slowly. What is about to be sent is written beside the store
first, under a name that the batch carries as metadata. Sending it is never tried twice: where it is
open whether the server took a batch (the connection was lost, the process killed), the batch is
looked for on the server by that name. So a run picks up what it, or one before it, has under way,
and pays nothing twice.
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
    said,
    trouble,
    without_key,
    worth_another,
)
from seqfuse.judge.question import Question
from seqfuse.judge.reading import FLAGGED, NoAnswer, read_verdict, refused
from seqfuse.judge.store import Store
from seqfuse.progress import say
from seqfuse.training.interruption.preemption import locked

_POLL = 30.0
# Seconds after which a batch that the server does not list was not taken.
_SETTLES = 300.0
# Statuses of a question that the server will not answer, however often it is asked.
_REFUSALS = {*range(400, 500)} - {408, 409, 429}
_OVER = ("completed", "failed", "expired", "cancelled")


class Batches:
    """The Batch API of a server: what is asked waits there, what comes back goes to the store."""

    def __init__(
        self, base_url: str | None, budget: Budget, attempts: int, timeout: float, store: Store
    ):
        self._store, self._budget = store, budget
        self._ledger = Ledger(store.folder, budget)
        self._api = BatchApi(base_url, attempts, timeout)
        self._lock = store.folder / ".asking"
        # What came back in place of a verdict, by key; of `_hopeless`, it always will.
        self._wrong: dict[str, str] = {}
        self._hopeless: set[str] = set()

    def ask(self, questions: list[Question]) -> None:
        """Store the verdict of every question; `UserError` if some could not be had."""
        self._run(self._ask(questions))

    def pick_up(self, questions: list[Question]) -> None:
        """Store what earlier batches say of these questions, whoever sent them."""
        self._run(self._collect_all({question.key for question in questions}))

    def _run(self, work: Coroutine) -> None:
        async def closing() -> None:
            async with self._api.client:
                await work

        try:
            asyncio.run(closing())
        except openai.APIStatusError as error:
            raise UserError(f"{said(error)}; what is under way will be picked up") from None
        except TROUBLE as error:
            raise UserError(
                f"the server at {self._api.client.base_url.host}: {trouble(error)}; run again "
                "later, what is under way will be picked up"
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
        """What was sent, or was about to be, and asks any of these questions."""
        return [path for path in self._store.under_way() if keys & _asked(path)]

    async def _submit(self, questions: list[Question], attempt: int) -> None:
        """Send one model's questions as a batch, whose name is in a file before."""
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
                return  # it is looked for when its verdicts are collected
            self._cancel(path, sent.name)
            if not isinstance(error, openai.APIStatusError) or not worth_another(error):
                raise
            await asyncio.sleep(pause(attempt, error.response.headers))
            return
        say(f"{questions[0].model}: a batch of {len(questions)} questions is under way")

    async def _collect(self, path: Path) -> None:
        """Wait for a batch, store its verdicts, and forget it."""
        with locked(self._lock):  # what is being sent by another process is in its file then
            known = _known(path)
            number = known.get("batch") or await self._found(path, known)
        if number is None:
            return
        batch = await self._api.batch(number)
        while batch["status"] not in _OVER:
            await asyncio.sleep(_POLL)
            batch = await self._api.batch(number)
        say(f"batch {number}: {batch['status']}")
        lines, whole = await self._api.lines(batch)
        with locked(self._lock):
            if not path.exists():
                return  # another process has stored what it said
            most = known["most"]
            told = {line["custom_id"]: line for line in lines if line.get("custom_id") in most}
            paid = sum(self._keep(known, key, line) for key, line in told.items())
            if not whole:
                paid += sum(most[key] for key in most if key not in told)
            self._ledger.settle(known["name"], paid)
            path.unlink()
        if batch["status"] in ("failed", "cancelled"):
            errors = (batch.get("errors") or {}).get("data") or [{}]
            message = without_key(errors[0].get("message") or batch["status"])
            raise UserError(f"batch {number} ended early ({message}); mend that and run again")

    async def _found(self, path: Path, known: dict) -> str | None:
        """The number of the batch that carries our name; None where the server took none."""
        if not known or not self._ledger.is_open(known["name"]):
            path.unlink(missing_ok=True)  # collected meanwhile, or stopped before it was sent
            return None
        while True:
            latest = time.time() > known["since"] + _SETTLES
            try:
                number = await self._api.named(known["name"], known["since"])
            except openai.APIStatusError as error:
                if worth_another(error):
                    raise
                raise UserError(
                    f"whether the server took a batch cannot be known: {said(error)}; remove "
                    f"{path} to have its {len(known['most'])} questions asked again"
                ) from None
            if number is not None:
                write_json(path, known | {"batch": number})
                return number
            if latest:
                self._cancel(path, known["name"])
                return None
            await asyncio.sleep(_POLL)

    def _keep(self, known: dict, key: str, line: dict) -> float:
        """Store the verdict of a line; what it has cost."""
        answer = line.get("response") or {}
        body, most = answer.get("body") or {}, known["most"][key]
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
        self._store.add(known["about"][key] | verdict, known["name"])
        return paid

    def _cancel(self, path: Path, name: str) -> None:
        self._ledger.cancel(name)
        path.unlink()


def _asked(path: Path) -> set[str]:
    """The keys of the questions of a batch."""
    return set(_known(path).get("most", ()))


def _known(path: Path) -> dict:
    """What a batch's file says; {} where another process has collected it meanwhile."""
    try:
        return read_json(path)
    except UserError:
        if path.exists():
            raise
        return {}
