"""From what a server answered to a verdict.

The form is asked for, but not every server keeps to it: a score may come as `7.0`, `"7"` or
`8/10`, and the JSON in a fence, behind a model's thoughts or between sentences. Such answers are
read; a score that is not a whole number from 0 to 10, or has no reason, is malformed.
"""

import json
import re

# Codes of errors by which a server says that it will not judge this text: a refusal.
FLAGGED = ("content_filter", "content_policy_violation", "invalid_prompt")
_SCORE = re.compile(r"(\d+)(?:\.0+)?(?:\s*/\s*10)?")
# The last line of an answer in words: "Score: 8/10".
_LAST_LINE = re.compile(r"\W*(?:score\W*)?(\d+(?:\.0+)?(?:\s*/\s*10)?)\W*", re.IGNORECASE)


class NoAnswer(Exception):
    """A body that is no chat completion; `code` is that of an error it holds, if any."""

    def __init__(self, said: str, code: str | None = None):
        super().__init__(said)
        self.code = code


def parsed(text: str) -> dict:
    """The JSON object that a server answered with; `NoAnswer` of anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NoAnswer("an answer that is no JSON object")
    if error := found.get("error"):
        error = error if isinstance(error, dict) else {"message": error}
        raise NoAnswer(f"an error: {str(error.get('message'))[:100]}", error.get("code"))
    return found


def read_verdict(body: str) -> dict:
    """Status, score, reason and token counts from the body of a chat completion.

    What cannot be read is "malformed" and keeps its first characters as the reason; a refusal is
    "refused". Both were paid for. `NoAnswer` of a body that is no chat completion.
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
    found = _object(content) or _in_words(content)
    score = _score(found.get("score"))
    if score is None or not isinstance(found.get("reason"), str):
        return _verdict("malformed", content[:200], usage)
    return _verdict("ok", found["reason"], usage, score)


def refused(reason: str, usage: dict | None = None) -> dict:
    """The verdict of a judge that will not judge."""
    return _verdict("refused", reason, usage or {})


def _object(content: str) -> dict:
    """The last JSON object with a score in a text, thoughts left out; {} where there is none."""
    text = _said(content)
    found, start = {}, text.find("{")
    while start >= 0:
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        except ValueError:
            value, end = {}, start + 1
        if isinstance(value, dict) and "score" in value:
            found = value
        start = text.find("{", end)
    return found


def _in_words(content: str) -> dict:
    """A reason and, on the last line, the score; {} where that is not so."""
    reason, _, last = _said(content).rpartition("\n")
    match = _LAST_LINE.fullmatch(last)
    return {"reason": reason.strip(), "score": match[1]} if match and reason.strip() else {}


def _said(content: str) -> str:
    return content.rpartition("</think>")[2].strip()


def _score(value: object) -> float | None:
    """A whole number from 0 to 10, however it is written; None of anything else."""
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
