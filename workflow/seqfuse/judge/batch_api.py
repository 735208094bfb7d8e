"""Calls to a server's Batch API: files, batches and their lines.

Every call but the creation of a batch is free of charge, and is repeated if it fails.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import openai

from seqfuse.judge.connection import client, patiently, pause
from seqfuse.judge.question import Question
from seqfuse.judge.reading import NoAnswer, parsed

_ENDPOINT = "/v1/chat/completions"


class BatchApi:
    """The calls, each with a time limit of `timeout` seconds and, if it may be repeated, with
    `attempts` attempts."""

    def __init__(self, base_url: str | None, attempts: int, timeout: float):
        self.attempts, self.timeout = attempts, timeout
        self.client = client(base_url, timeout)

    async def upload(self, questions: list[Question]) -> str:
        """Upload these questions; the id of the file."""
        lines = [
            {"custom_id": question.key, "method": "POST", "url": _ENDPOINT, "body": question.body}
            for question in questions
        ]
        content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        create = self.client.files.with_raw_response.create
        file = ("questions.jsonl", content.encode())
        return (await self._json("id", lambda: create(file=file, purpose="batch")))["id"]

    async def create(self, file: str, name: str) -> str:
        """Create a batch from a file, labelled `name`; its id. Tried once."""
        async with asyncio.timeout(self.timeout):
            answer = await self.client.batches.with_raw_response.create(
                input_file_id=file,
                endpoint=_ENDPOINT,
                completion_window="24h",
                metadata={"seqfuse": name},
            )
        created = parsed(answer.text)
        if "id" not in created:
            raise NoAnswer("an answer without 'id'")
        return created["id"]

    async def named(self, name: str, since: float) -> str | None:
        """The id of the batch that was created after `since` and labelled `name`, or None."""
        async for batch in self._listed(since):
            if (batch.get("metadata") or {}).get("seqfuse") == name:
                return batch["id"]
        return None

    async def _listed(self, since: float) -> AsyncIterator[dict]:
        """The server's batches, newest first, back to a day before `since`."""
        after = openai.omit
        while True:
            page = await self._json(
                "data",
                lambda after=after: self.client.batches.with_raw_response.list(
                    after=after, limit=100
                ),
            )
            for batch in page["data"]:
                yield batch
            oldest = page["data"][-1] if page["data"] else {}
            if not page.get("has_more") or oldest.get("created_at", 0) < since - 86400:
                return
            after = oldest["id"]

    async def batch(self, batch_id: str) -> dict:
        """The state of a batch."""
        call = self.client.batches.with_raw_response.retrieve
        return await self._json("status", lambda: call(batch_id))

    async def _json(self, needs: str, call: Callable[[], Awaitable]) -> dict:
        """The JSON object that a repeatable call returns; it must have the key `needs`."""

        async def answer() -> dict:
            body = parsed((await call()).text)
            if needs not in body:
                raise NoAnswer(f"an answer without {needs!r}")
            return body

        return await patiently(answer, self.attempts, self.timeout)

    async def lines(self, batch: dict) -> tuple[list[dict], bool]:
        """The lines of a batch's output and error files, and whether both files are complete.

        A truncated file is read again; after the last attempt its complete lines are returned.
        """
        counts = batch.get("request_counts") or {}
        complete_lines, whole = [], True
        for file, kind in (("output_file_id", "completed"), ("error_file_id", "failed")):
            lines: list[dict | None] = []
            for attempt in range(self.attempts if batch.get(file) else 0):
                lines = await self._download(batch[file])
                complete = None not in lines and len(lines) >= counts.get(kind, 0)
                if complete or attempt + 1 == self.attempts:
                    whole &= complete
                    break
                await asyncio.sleep(pause(attempt, {}))
            complete_lines += [line for line in lines if line is not None]
        return complete_lines, whole

    async def _download(self, file: str) -> list[dict | None]:
        """The lines of a file; None for a truncated line."""

        async def content() -> str:
            return (await self.client.files.content(file)).text

        text = await patiently(content, self.attempts, self.timeout)
        return [_parsed(line) for line in text.split("\n") if line.strip()]


def _parsed(line: str) -> dict | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
