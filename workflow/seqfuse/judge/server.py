"""The judge behind a server of the OpenAI API: asked in parallel, within a budget, paid for once.

Each verdict is stored before the next is awaited. What ends a run early (a spent budget, a refused
key, a server that stays silent, Ctrl-C) lets requests in flight finish and be stored, then says in
one line what to do; the next run goes on from there.
"""

import asyncio
import email.utils
import json
import os
import random
import time
from collections import deque
from collections.abc import Mapping

import openai

from seqfuse.errors import UserError
from seqfuse.files import digest
from seqfuse.judge.budget import Budget, Ledger, Question
from seqfuse.judge.store import Store
from seqfuse.progress import say
from seqfuse.training.interruption.preemption import Interruption

KEY = "OPENAI_API_KEY"
# Codes of errors by which a server says that it will not judge this text: a refusal.
_FLAGGED = ("content_filter", "content_policy_violation", "invalid_prompt")
_LONGEST_WAIT = 300.0
_SAY_EVERY = 50
# Seconds after which a pause is over early because a signal came.
_LOOK_EVERY = 1.0
# The verdict, reason first so that the score follows from it.
SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "score": {"type": "integer", "enum": list(range(11))},
    },
    "required": ["reason", "score"],
    "additionalProperties": False,
}


class Server:
    """The models behind an OpenAI-compatible server."""

    def __init__(
        self,
        base_url: str | None,
        budget: Budget,
        concurrency: int,
        attempts: int,
        timeout: float,
        store: Store,
    ):
        """The key comes from the environment and goes nowhere but into the request's header."""
        self._store, self._budget = store, budget
        self._ledger = Ledger(store.folder, budget)
        self._attempts, self._concurrency = attempts, concurrency
        # Our own attempts, not the package's: each one counts against the budget.
        self._client = openai.AsyncOpenAI(
            api_key=secret(base_url), base_url=base_url, timeout=timeout, max_retries=0
        )
        self._sent = self._stored = 0
        self._resume_at = 0.0
        self._stopped: str | None = None

    def ask(self, questions: list[Question]) -> None:
        """Ask every question and store its verdict; `UserError` if some could not be had."""
        with Interruption() as self._signal:
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
        """Whether nothing more may be asked; what is in flight is paid for, and is awaited."""
        return self._stopped is not None or self._signal.asked

    async def _settle(self, question: Question) -> None:
        """Ask one question until it has a verdict, its attempts are spent, or the run stops."""
        trouble = ""
        for attempt in range(self._attempts):
            while not self._over and (left := self._resume_at - time.monotonic()) > 0:
                await asyncio.sleep(min(left, _LOOK_EVERY))
            if self._over or self._store.holds(question.key):
                return
            most = self._budget.most(question)
            if refusal := self._ledger.reserve([most]):
                self._stopped = refusal
                return
            self._sent += 1
            try:
                verdict = read_verdict(await self._request(question))
            except openai.APIStatusError as error:
                self._ledger.correct(-most)
                if error.code in _FLAGGED:
                    self._keep(question, refused(str(error.code)))
                    return
                if not _worth_another(error):
                    self._stopped = said(error)
                    return
                trouble = f"HTTP {error.status_code}"
                self._pause(pause(attempt, error.response.headers))
            except openai.APIConnectionError as error:
                late = isinstance(error, openai.APITimeoutError)
                trouble = "no answer in time" if late else "no connection"
                if _never_sent(error):
                    self._ledger.correct(-most)
                self._pause(pause(attempt, {}))
            else:
                self._ledger.correct(self._budget.paid(verdict, most) - most)
                self._keep(question, verdict)
                return
        self._stopped = (
            f"the server at {self._client.base_url.host} gave no verdict in {self._attempts} "
            f"attempts ({trouble}); run again later"
        )

    def _keep(self, question: Question, verdict: dict) -> None:
        self._store.add(about(question) | verdict)
        self._stored += 1
        if self._stored % _SAY_EVERY == 0:
            say(f"{question.model}: {self._stored} verdicts")

    async def _request(self, question: Question) -> str:
        """The body of the server's answer."""
        response = await self._client.chat.completions.with_raw_response.create(
            **request(question, self._budget.answer_tokens)
        )
        return response.text

    def _pause(self, seconds: float) -> None:
        """Hold every worker back: a server in trouble is not helped by seven more requests."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)


def secret(base_url: str | None) -> str:
    """The key in the environment; a server of one's own may need none."""
    found = os.environ.get(KEY, "")
    if not found and not base_url:
        raise UserError(
            f"judge.judge is openai, but the environment has no {KEY}; set it, or point "
            "judge.base_url at a server of yours, or set judge.judge to overlap"
        )
    return found or "none"


def request(question: Question, answer_tokens: int) -> dict:
    """The body of a chat completion that asks one question; it does not hold the method's name."""
    return {
        "model": question.model,
        "max_completion_tokens": answer_tokens,
        "messages": [
            {"role": "system", "content": question.prompt},
            {"role": "user", "content": question.material},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
        },
    }


def about(question: Question) -> dict:
    """What the store keeps beside a question's verdict."""
    return {
        "key": question.key,
        "model": question.model,
        "dimension": question.dimension,
        "prompt": digest(question.prompt),
    }


def said(error: openai.APIStatusError) -> str:
    """Why the server will not answer, without the key that it may have repeated."""
    if error.status_code in (401, 403):
        return f"the server refuses the key in {KEY} (HTTP {error.status_code}); correct it"
    if error.code == "insufficient_quota":
        return "the account's quota is spent (HTTP 429); add credit or wait"
    message = " ".join(str(error.message).split())
    if key := os.environ.get(KEY):
        message = message.replace(key, "***")
    return f"the server refuses the request (HTTP {error.status_code}): {message[:200]}"


def read_verdict(body: str) -> dict:
    """Status, score, reason and token counts from the body of a chat completion.

    What is no JSON, is cut short, or has another form than `SCHEMA` is "malformed" and keeps its
    first characters as the reason; a refusal is "refused". Both are verdicts: they were paid for.
    """
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        message = choice["message"]
    except (ValueError, KeyError, IndexError, TypeError):
        return _verdict("malformed", f"no chat completion: {body[:200]}", {})
    usage = completion.get("usage") or {}
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        return refused(message.get("refusal") or "content filter", usage)
    content = message.get("content") or ""
    try:
        found = json.loads(content)
        score, reason = found["score"], found["reason"]
    except (ValueError, KeyError, TypeError):
        return _verdict("malformed", content[:200], usage)
    if type(score) is not int or not 0 <= score <= 10 or not isinstance(reason, str):
        return _verdict("malformed", content[:200], usage)
    return _verdict("ok", reason, usage, float(score))


def refused(reason: str, usage: dict | None = None) -> dict:
    """The verdict of a judge that will not judge."""
    return _verdict("refused", reason, usage or {})


def pause(attempt: int, headers: Mapping[str, str]) -> float:
    """Seconds before attempt `attempt + 1`: the server's Retry-After, else 0.5 s doubling to 60 s.

    Retry-After is a number of seconds or a date; one that has passed or cannot be read counts as
    none, and no more than 300 s are waited. The doubled delay loses up to half at random, so that
    callers spread.
    """
    asked = headers.get("retry-after", "")
    try:
        wait = float(asked)
    except ValueError:
        date = email.utils.parsedate_tz(asked)
        wait = email.utils.mktime_tz(date) - time.time() if date else 0.0
    if wait > 0:
        return min(wait, _LONGEST_WAIT)
    return min(60.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)


def _worth_another(error: openai.APIStatusError) -> bool:
    """Whether the same request may pass later: a rate limit, a conflict, or the server's fault."""
    if error.code == "insufficient_quota":
        return False
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def _never_sent(error: openai.APIConnectionError) -> bool:
    """Whether there was no connection to send over; else the request may be charged all the same.

    The package's transport is no dependency of ours, so that its errors are known by name.
    """
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def _verdict(status: str, reason: str, usage: dict, score: float | None = None) -> dict:
    tokens = {
        name: usage[name]
        for name in ("prompt_tokens", "completion_tokens")
        if isinstance(usage.get(name), int)
    }
    return {"status": status, "score": score, "reason": reason} | tokens
