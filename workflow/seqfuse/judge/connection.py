"""What parallel requests and batches share: the key, the meaning of errors, and the waits."""

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
# How a request fails that is lost on the way.
TROUBLE = (openai.APIConnectionError, TimeoutError, NoAnswer)
_LONGEST_WAIT = 300.0
# Statuses by which a server says that it computed nothing. With other statuses from 500 on, a proxy
# may have lost an answer that was computed and charged.
_NOT_COMPUTED = (500, 501, 503, 529)


def client(base_url: str | None, timeout: float) -> openai.AsyncOpenAI:
    """A connection without retries: the caller decides which requests may be repeated.

    The key is read from the environment and appears nowhere but in the request's header.
    """
    return openai.AsyncOpenAI(
        api_key=secret(base_url), base_url=base_url, timeout=timeout, max_retries=0
    )


def secret(base_url: str | None) -> str:
    """The key in the environment; it may be missing only if the user names a server."""
    key = os.environ.get(KEY, "")
    if not key and not base_url:
        raise UserError(
            f"judge.judge is openai, but the environment has no {KEY}; set it, or point "
            "judge.base_url at a server of yours, or set judge.judge to overlap"
        )
    return key or "none"


async def patiently(call: Callable[[], Awaitable[T]], attempts: int, timeout: float) -> T:
    """The result of a free, repeatable call; `timeout` is the limit of each attempt in seconds."""
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
    raise AssertionError("attempts must be at least 1")


def why_refused(error: openai.APIStatusError) -> str:
    """Why the server will not answer, with the key removed if the server repeated it."""
    if error.status_code in (401, 403):
        return f"the server refuses the key in {KEY} (HTTP {error.status_code}); correct it"
    if error.code == "insufficient_quota":
        return "the account's quota is spent (HTTP 429); add credit or wait"
    return f"the server refuses the request (HTTP {error.status_code}): {without_key(error)}"


def without_key(message: object) -> str:
    """A server's message in one line, with the key replaced by asterisks."""
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
    """Seconds to wait before attempt `attempt + 1`.

    This is the server's delay (retry-after-ms, or retry-after in seconds or as a date), at most
    300 s. Without one, or if it is unreadable or over, it is 0.5 s, doubled with every attempt up
    to 60 s, and randomly shortened by up to half, so that callers do not retry together.
    """
    named = headers.get("retry-after", "")
    wait = _number(headers.get("retry-after-ms", "")) / 1000 or _number(named)
    if not wait and (date := email.utils.parsedate_tz(named)):
        wait = email.utils.mktime_tz(date) - time.time()
    if wait > 0:
        return min(wait, _LONGEST_WAIT)
    return min(60.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)


def worth_another(error: openai.APIStatusError) -> bool:
    """Whether the same request may succeed later: after a rate limit, conflict or server error."""
    if error.code == "insufficient_quota":
        return False
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def not_taken(error: Exception) -> bool:
    """Whether the server certainly did not process the request that failed with `error`.

    openai's transport is not a dependency of ours, so its errors are recognised by name.
    """
    if isinstance(error, openai.APIStatusError):
        return error.status_code < 500 and error.status_code not in (408, 409)
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def not_charged(error: Exception) -> bool:
    """Whether the server certainly computed no answer to the question that failed with `error`."""
    return not_taken(error) or getattr(error, "status_code", None) in _NOT_COMPUTED


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
