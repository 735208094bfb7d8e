"""Parse a server's answer into a verdict.

A request prescribes a JSON schema, but not every server keeps to it: a score may come as `7.0`,
`"7"` or `8/10`, and the JSON in a code fence, after a model's thoughts or between sentences. Such
answers are accepted. Without a reason, or with a score that is not a whole number from 0 to 10, an
answer is malformed.
"""

import json
import re

# Error codes by which a server refuses to judge a text.
FLAGGED = ("content_filter", "content_policy_violation", "invalid_prompt")
_SCORE = re.compile(r"(\d+)(?:\.0+)?(?:\s*/\s*10)?")
# The last line of an answer in words: "Score: 8/10".
_LAST_LINE = re.compile(r"\W*(?:score\W*)?(\d+(?:\.0+)?(?:\s*/\s*10)?)\W*", re.IGNORECASE)


class NoAnswer(Exception):
    """A body that is not a chat completion; `code` is that of the error in it, if any."""

    def __init__(self, message: str, code: str | None = None):
        super().__init__(message)
        self.code = code


def parsed(text: str) -> dict:
    """The JSON object in a server's answer; raises `NoAnswer` for anything else."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NoAnswer("an answer that is not a JSON object")
    if error := body.get("error"):
        error = error if isinstance(error, dict) else {"message": error}
        raise NoAnswer(f"an error: {str(error.get('message'))[:100]}", error.get("code"))
    return body


def read_verdict(body: str) -> dict:
    """Status, score, reason and token counts from the body of a chat completion.

    An answer that cannot be parsed is "malformed", with its first characters as the reason; a
    refusal is "refused". Both were paid for. Raises `NoAnswer` if the body is not a chat
    completion.
    """
    completion = parsed(body)
    try:
        choice = completion["choices"][0]
        message = choice["message"]
        refusal, content = message.get("refusal"), message.get("content") or ""
    except (KeyError, IndexError, TypeError, AttributeError):
        raise NoAnswer("an answer without a message") from None
    usage = completion.get("usage") or {}
    if refusal or choice.get("finish_reason") == "content_filter":
        return refused(refusal or "content filter", usage)
    fields = _object(content) or _in_words(content)
    score = _score(fields.get("score"))
    if score is None or not isinstance(fields.get("reason"), str):
        return _verdict("malformed", content[:200], usage)
    return _verdict("ok", fields["reason"], usage, score)


def refused(reason: str, usage: dict | None = None) -> dict:
    """The verdict of a judge that refuses to judge."""
    return _verdict("refused", reason, usage or {})


def _object(content: str) -> dict:
    """The last JSON object with a score in a text, ignoring thoughts; {} if there is none."""
    text = _without_thoughts(content)
    last, start = {}, text.find("{")
    while start >= 0:
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        except ValueError:
            value, end = {}, start + 1
        if isinstance(value, dict) and "score" in value:
            last = value
        start = text.find("{", end)
    return last


def _in_words(content: str) -> dict:
    """The reason and score of an answer whose last line is the score; {} of any other."""
    reason, _, last = _without_thoughts(content).rpartition("\n")
    match = _LAST_LINE.fullmatch(last)
    return {"reason": reason.strip(), "score": match[1]} if match and reason.strip() else {}


def _without_thoughts(content: str) -> str:
    return content.rpartition("</think>")[2].strip()


def _score(value: object) -> float | None:
    """A whole number from 0 to 10, however it is written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _SCORE.fullmatch(str(value).strip())
    return float(match[1]) if match and int(match[1]) <= 10 else None


def _verdict(status: str, reason: str, usage: dict, score: float | None = None) -> dict:
    tokens = {
        name: usage[name]
        for name in ("prompt_tokens", "completion_tokens")
        if isinstance(usage.get(name), int)
    }
    return {"status": status, "score": score, "reason": reason} | tokens
