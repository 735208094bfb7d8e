"""The judge behind a server of the OpenAI API: asked in parallel, within a budget, paid for once.

Each attempt is entered in the ledger before it is sent, and each verdict is stored before the next
is awaited. If a run ends early (budget spent, key refused, server silent, Ctrl-C), the requests in
flight finish and are stored, one line says what to do, and the next run continues from there. If
the server keeps answers, one that was lost on the way, even by a process that was killed, is
fetched before its question is asked again.
"""

import asyncio
import json
import time
from collections import deque

import openai

from seqfuse.errors import UserError
from seqfuse.judge.budget import Attempt, Budget, Ledger
from seqfuse.judge.connection import (
    TROUBLE,
    client,
    not_charged,
    patiently,
    pause,
    trouble,
    why_refused,
    worth_another,
)
from seqfuse.judge.question import Question
from seqfuse.judge.reading import FLAGGED, parsed, read_verdict, refused
from seqfuse.judge.store import Store
from seqfuse.progress import say
from seqfuse.training.interruption.preemption import Interruption, locked

_SAY_EVERY = 50
# A pause checks for a signal at this interval, in seconds.
_LOOK_EVERY = 1.0


class Server:
    """The models behind an OpenAI-compatible server; `keeps` if the server stores its answers."""

    def __init__(
        self,
        base_url: str | None,
        budget: Budget,
        concurrency: int,
        attempts: int,
        timeout: float,
        store: Store,
        keeps: bool,
    ):
        self._store, self._budget = store, budget
        self._ledger = Ledger(store.folder, budget)
        self._attempts, self._concurrency = attempts, concurrency
        self._timeout, self._keeps = timeout, keeps
        self._client = client(base_url, timeout)
        self._sent = self._stored = 0
        self._resume_at = 0.0
        self._stopped: str | None = None

    def ask(self, questions: list[Question]) -> None:
        """Ask every question and store its verdict; `UserError` if some got none.

        Only one process at a time asks for a store: two might ask, and pay for, the same question.
        """
        with locked(self._store.folder / ".asking"), Interruption() as self._signal:
            asyncio.run(self._ask(deque(questions), len(questions)))

    async def _ask(self, waiting: deque[Question], total: int) -> None:
        async with self._client:
            workers = [self._work(waiting) for _ in range(min(self._concurrency, total))]
            await asyncio.gather(*workers)
        say(f"{self._stored} verdicts from {self._sent} requests{self._ledger.total()}")
        if self._stopped:
            raise UserError(
                f"{self._stopped}; {self._stored} of {total} new verdicts are stored and will not "
                "be asked again"
            )

    async def _work(self, waiting: deque[Question]) -> None:
        while waiting and not self._over:
            await self._settle(waiting.popleft())

    @property
    def _over(self) -> bool:
        """Whether to ask nothing more; requests in flight are paid for and are awaited."""
        return self._stopped is not None or self._signal.asked

    async def _settle(self, question: Question) -> None:
        """Ask one question until it has a verdict, its attempts are spent, or the run stops."""
        wrong, failures = "", 0
        while failures < self._attempts:
            while not self._over and (left := self._resume_at - time.monotonic()) > 0:
                await asyncio.sleep(min(left, _LOOK_EVERY))
            if self._over or self._store.holds(question.key):
                return
            failure = await self._attempt(question, failures)
            wrong, failures = failure or wrong, failures + bool(failure)
        self._stopped = (
            f"the server at {self._client.base_url.host} gave no verdict in {self._attempts} "
            f"attempts ({wrong}); run again later"
        )

    async def _attempt(self, question: Question, failures: int) -> str | None:
        """Ask once; if that fails and may succeed later, what went wrong."""
        headers = {}
        attempt = Attempt(self._budget.most(question), key=question.key)
        try:
            if await self._fetched(question):
                return None
            if refusal := self._ledger.reserve(attempt):
                self._stopped = refusal
                return None
            self._sent += 1
            verdict = read_verdict(await self._request(question, attempt))
            self._keep(question, attempt.name, attempt.usd, verdict)
            return None
        except (openai.APIStatusError, *TROUBLE) as error:
            if not_charged(error):
                self._ledger.settle(attempt.name, 0.0)
            if getattr(error, "code", None) in FLAGGED:
                self._keep(question, attempt.name, attempt.usd, refused(str(error.code)))
                return None
            wrong = trouble(error)
            if isinstance(error, openai.APIStatusError):
                wrong, headers = f"HTTP {error.status_code}", error.response.headers
                if not worth_another(error):
                    self._stopped = why_refused(error)
                    return None
        # All workers wait: more requests would not help a server in trouble.
        wait = pause(failures, headers)
        self._resume_at = max(self._resume_at, time.monotonic() + wait)
        return wrong

    async def _request(self, question: Question, attempt: Attempt) -> str:
        """The body of the server's answer, which must be complete within `timeout` seconds."""
        kept = {"store": True, "metadata": {"seqfuse": attempt.name}} if self._keeps else {}
        async with asyncio.timeout(self._timeout):
            response = await self._client.chat.completions.with_raw_response.create(
                **question.body, **kept
            )
            return response.text

    async def _fetched(self, question: Question) -> bool:
        """Fetch the lost answer to an earlier attempt; whether one was fetched and stored."""
        for name in self._ledger.lost(question.key) if self._keeps else ():
            try:
                kept = await patiently(lambda name=name: self._kept(name), 1, self._timeout)
            except openai.APIStatusError as error:
                if worth_another(error):
                    raise
                say(f"{why_refused(error)}; answers that were lost on the way cannot be fetched")
                self._keeps = False
                return False
            if kept:
                verdict = read_verdict(json.dumps(kept[0]))
                self._keep(question, name, self._budget.most(question), verdict)
                return True
        return False

    async def _kept(self, name: str) -> list[dict]:
        """The completions that the server has kept for an attempt."""
        response = await self._client.chat.completions.with_raw_response.list(
            metadata={"seqfuse": name}
        )
        return parsed(response.text).get("data") or []

    def _keep(self, question: Question, attempt: str, most: float, verdict: dict) -> None:
        self._store.add(question.about | verdict, attempt)
        self._ledger.settle(attempt, self._budget.paid(verdict, most))
        self._stored += 1
        if self._stored % _SAY_EVERY == 0:
            say(f"{question.model}: {self._stored} verdicts")
