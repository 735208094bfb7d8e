"""What both ways of asking share: the key, what an error means, and how long to wait after it."""

import asyncio
import email.utils
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import openai

from seqfuse.errors import UserError
from seqfuse.judge.reading import NoAnswer

T = TypeVar("T")
KEY = "OPENAI_API_KEY"
# What a request that is lost on the way can fail with.
TROUBLE = (openai.APIConnectionError, TimeoutError, NoAnswer)
_LONGEST_WAIT = 300.0
# Statuses by which a server says that it computed nothing. Of others from 500 on, a proxy may have
# lost an answer that was computed, and charged.
_NOT_COMPUTED = (500, 501, 503, 529)


def client(base_url: str | None, timeout: float) -> openai.AsyncOpenAI:
    """A connection that tries everything once: which request may be sent again is for its sender
    to know. The key comes from the environment and goes nowhere but into the request's header."""
    return openai.AsyncOpenAI(
        api_key=secret(base_url), base_url=base_url, timeout=timeout, max_retries=0
    )


def secret(base_url: str | None) -> str:
    """The key in the environment; a server of one's own may need none."""
    found = os.environ.get(KEY, "")
    if not found and not base_url:
        raise UserError(
            f"judge.judge is openai, but the environment has no {KEY}; set it, or point "
            "judge.base_url at a server of yours, or set judge.judge to overlap"
        )
    return found or "none"


async def patiently(call: Callable[[], Awaitable[T]], attempts: int, timeout: float) -> T:
    """The answer to what costs nothing and may be asked again, each time for `timeout` seconds."""
    for attempt in range(attempts):
        headers: Mapping[str, str] = {}
        try:
            async with asyncio.timeout(timeout):
                return await call()
        except openai.APIStatusError as error:
            if attempt + 1 == attempts or not worth_another(error):
                raise
            headers = error.response.headers
        except TROUBLE:
            if attempt + 1 == attempts:
                raise
        await asyncio.sleep(pause(attempt, headers))
    raise AssertionError("attempts are at least one")


def said(error: openai.APIStatusError) -> str:
    """Why the server will not answer, without the key that it may have repeated."""
    if error.status_code in (401, 403):
        return f"the server refuses the key in {KEY} (HTTP {error.status_code}); correct it"
    if error.code == "insufficient_quota":
        return "the account's quota is spent (HTTP 429); add credit or wait"
    return f"the server refuses the request (HTTP {error.status_code}): {without_key(error)}"


def without_key(message: object) -> str:
    """What a server said, in one line that does not repeat the key."""
    text = " ".join(str(getattr(message, "message", message)).split())
    if key := os.environ.get(KEY):
        text = text.replace(key, "***")
    return text[:200]


def trouble(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, NoAnswer):
        return without_key(error)
    late = isinstance(error, TimeoutError | openai.APITimeoutError)
    return "no answer in time" if late else "no connection"


def pause(attempt: int, headers: Mapping[str, str]) -> float:
    """Seconds before attempt `attempt + 1`: those the server names, else 0.5 s doubling to 60 s.

    The server names milliseconds (retry-after-ms), seconds or a date (retry-after); one that has
    passed or cannot be read counts as none, and no more than 300 s are waited. The doubled delay
    loses up to half at random, so that callers spread.
    """
    named = headers.get("retry-after", "")
    wait = _number(headers.get("retry-after-ms", "")) / 1000 or _number(named)
    if not wait and (date := email.utils.parsedate_tz(named)):
        wait = email.utils.mktime_tz(date) - time.time()
    if wait > 0:
        return min(wait, _LONGEST_WAIT)
    return min(60.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)


def worth_another(error: openai.APIStatusError) -> bool:
    """Whether the same request may pass later: a rate limit, a conflict, or the server's fault."""
    if error.code == "insufficient_quota":
        return False
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def not_taken(error: Exception) -> bool:
    """Whether the server surely did nothing with a request that failed so.

    The package's transport is no dependency of ours, so that its errors are known by name.
    """
    if isinstance(error, openai.APIStatusError):
        return error.status_code < 500 and error.status_code not in (408, 409)
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def not_charged(error: Exception) -> bool:
    """Whether a server surely computed no answer to a question that failed so."""
    return not_taken(error) or getattr(error, "status_code", None) in _NOT_COMPUTED


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
