"""The judge behind a server of the OpenAI API: asked in parallel, within a budget, paid for once.

Each verdict is stored before the next is awaited. What ends a run early (a spent budget, a refused
key, a server that stays silent) lets requests in flight finish and be stored, then says in one line
what to do; the next run goes on from there.
"""

import asyncio
import email.utils
import json
import os
import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import openai

from seqfuse.errors import UserError
from seqfuse.judge.store import Store
from seqfuse.progress import say

_KEY = "OPENAI_API_KEY"
_LONGEST_WAIT = 300.0
_SAY_EVERY = 50
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


@dataclass(frozen=True)
class Question:
    """One thing to ask a model: prompt, material, and the key that the verdict is stored under."""

    key: str
    model: str
    dimension: str
    prompt: str
    material: str


@dataclass(frozen=True)
class Budget:
    """What may be spent: requests, and money (None: any) at prices in USD a million tokens.

    `answer_tokens` is the most that an answer may hold, hidden reasoning included.
    """

    requests: int
    cost: float | None
    input_price: float
    output_price: float
    answer_tokens: int

    def price(self, prompt_tokens: int, answer_tokens: int) -> float:
        """USD of one request."""
        return (prompt_tokens * self.input_price + answer_tokens * self.output_price) / 1e6

    def most(self, question: Question) -> float:
        """USD that a question costs at most: a token is at least one byte."""
        return self.price(len((question.prompt + question.material).encode()), self.answer_tokens)


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
        secret = os.environ.get(_KEY, "")
        if not secret and not base_url:
            raise UserError(
                f"judge.judge is openai, but the environment has no {_KEY}; set it, or point "
                "judge.base_url at a server of yours, or set judge.judge to overlap"
            )
        self._secret, self._store, self._budget = secret, store, budget
        self._attempts, self._concurrency = attempts, concurrency
        # Our own attempts, not the package's: each one counts against the budget.
        self._client = openai.AsyncOpenAI(
            api_key=secret or "none", base_url=base_url, timeout=timeout, max_retries=0
        )
        self._sent = self._stored = 0
        # USD: what answers cost, and what those in flight may cost at most.
        self._spent = self._reserved = 0.0
        self._resume_at = 0.0
        self._stopped: str | None = None

    def ask(self, questions: list[Question]) -> None:
        """Ask every question and store its verdict; `UserError` if some could not be had."""
        asyncio.run(self._ask(deque(questions), len(questions)))

    async def _ask(self, waiting: deque[Question], total: int) -> None:
        async with self._client:
            workers = [self._work(waiting) for _ in range(min(self._concurrency, total))]
            await asyncio.gather(*workers)
        cost = f", {self._spent:.4f} USD at most" if self._spent else ""
        say(f"{self._stored} verdicts from {self._sent} requests{cost}")
        if self._stopped:
            raise UserError(
                f"{self._stopped}; {self._stored} of {total} new verdicts are stored and will not "
                "be asked again"
            )

    async def _work(self, waiting: deque[Question]) -> None:
        while waiting and not self._stopped:
            await self._settle(waiting.popleft())

    async def _settle(self, question: Question) -> None:
        """Ask one question until it has a verdict, its attempts are spent, or the run stops."""
        trouble = ""
        for attempt in range(self._attempts):
            await asyncio.sleep(max(0.0, self._resume_at - time.monotonic()))
            if self._stopped:
                return
            if self._sent >= self._budget.requests:
                spent = f"judge.max_requests = {self._budget.requests}"
                self._stopped = f"the budget {spent} is spent; raise it"
                return
            most = self._budget.most(question)
            if self._costs_too_much(most):
                return
            self._sent += 1
            self._reserved += most
            try:
                verdict = read_verdict(await self._request(question))
            except openai.APIStatusError as error:
                if not _worth_another(error):
                    self._stopped = self._refusal(error)
                    return
                trouble = f"HTTP {error.status_code}"
                self._pause(pause(attempt, error.response.headers))
            except openai.APIConnectionError as error:
                late = isinstance(error, openai.APITimeoutError)
                trouble = "no answer in time" if late else "no connection"
                self._pause(pause(attempt, {}))
            else:
                self._spent += self._paid(verdict, most)
                about = {"key": question.key, "model": question.model}
                self._store.add(about | {"dimension": question.dimension} | verdict)
                self._stored += 1
                if self._stored % _SAY_EVERY == 0:
                    say(f"{question.model}: {self._stored} verdicts")
                return
            finally:
                self._reserved -= most
        self._stopped = (
            f"the server at {self._client.base_url.host} gave no verdict in {self._attempts} "
            f"attempts ({trouble}); run again later"
        )

    def _costs_too_much(self, most: float) -> bool:
        """Whether one more request could pass the budget in money; the run stops there."""
        limit = self._budget.cost
        if limit is None or self._spent + self._reserved + most <= limit:
            return False
        self._stopped = (
            f"another request could cost more than judge.max_cost = {limit:g} USD, of which "
            f"{self._spent:.4f} are spent; raise it"
        )
        return True

    def _paid(self, verdict: dict, most: float) -> float:
        """USD of one verdict by the server's count of tokens; the most it can be without one."""
        if "prompt_tokens" not in verdict or "completion_tokens" not in verdict:
            return most
        return self._budget.price(verdict["prompt_tokens"], verdict["completion_tokens"])

    async def _request(self, question: Question) -> str:
        """The body of the server's answer."""
        response = await self._client.chat.completions.with_raw_response.create(
            model=question.model,
            max_completion_tokens=self._budget.answer_tokens,
            messages=[
                {"role": "system", "content": question.prompt},
                {"role": "user", "content": question.material},
            ],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
            },
        )
        return response.text

    def _pause(self, seconds: float) -> None:
        """Hold every worker back: a server in trouble is not helped by seven more requests."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def _refusal(self, error: openai.APIStatusError) -> str:
        """Why the server will not answer, without the key that it may have repeated."""
        if error.status_code in (401, 403):
            return f"the server refuses the key in {_KEY} (HTTP {error.status_code}); correct it"
        if error.code == "insufficient_quota":
            return "the account's quota is spent (HTTP 429); add credit or wait"
        message = " ".join(str(error.message).split())
        if self._secret:
            message = message.replace(self._secret, "***")
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
        return _verdict("refused", message.get("refusal") or "content filter", usage)
    content = message.get("content") or ""
    try:
        found = json.loads(content)
        score, reason = found["score"], found["reason"]
    except (ValueError, KeyError, TypeError):
        return _verdict("malformed", content[:200], usage)
    if type(score) is not int or not 0 <= score <= 10 or not isinstance(reason, str):
        return _verdict("malformed", content[:200], usage)
    return _verdict("ok", reason, usage, float(score))


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


def _verdict(status: str, reason: str, usage: dict, score: float | None = None) -> dict:
    tokens = {
        name: usage[name]
        for name in ("prompt_tokens", "completion_tokens")
        if isinstance(usage.get(name), int)
    }
    return {"status": status, "score": score, "reason": reason} | tokens
