"""The budget of judging, and the ledger of what was spent, shared by all that use a store.

Every process that judges into a store, and every later run, counts against one budget. The ledger
is a file of JSON lines beside the verdicts. An attempt is entered before it is sent, at its highest
possible cost, and settled when its cost is known. An attempt that is never settled keeps its entry:
it may have been charged, and its answer may still be retrieved.
"""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from seqfuse.files import canonical_json
from seqfuse.judge.question import Question


@dataclass(frozen=True)
class Attempt:
    """A request, or a batch of them, that is about to be sent and costs at most `usd`.

    `name` is sent along as metadata. `key` is the question's key if it is a single request.
    """

    usd: float
    requests: int = 1
    key: str | None = None
    name: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Budget:
    """The most requests and USD (None: no limit) to spend; prices are USD per million tokens."""

    requests: int
    cost: float | None
    input_price: float
    output_price: float

    def price(self, prompt_tokens: int, answer_tokens: int) -> float:
        """The cost of a request in USD."""
        return (prompt_tokens * self.input_price + answer_tokens * self.output_price) / 1e6

    def most(self, question: Question) -> float:
        """The highest possible cost of a question in USD, as a token is at least one byte."""
        body = canonical_json(question.body).encode()
        return self.price(len(body), question.answer_tokens)

    def paid(self, verdict: dict, most: float) -> float:
        """The cost of a verdict in USD by the server's token counts; `most` if it gave none."""
        if "prompt_tokens" not in verdict or "completion_tokens" not in verdict:
            return most
        return self.price(verdict["prompt_tokens"], verdict["completion_tokens"])


class Ledger:
    """Requests and USD spent under a store's folder, by every process that judges into it."""

    def __init__(self, folder: Path, budget: Budget):
        """Read what was spent so far; `folder` is the store's."""
        self._path, self._budget = folder / "spending.ndjson", budget
        self._read = 0
        self._open: dict[str, Attempt] = {}
        self.requests, self.spent = 0, 0.0
        with self._locked():
            pass

    def reserve(self, attempt: Attempt) -> str | None:
        """Enter an attempt before it is sent; if the budget forbids it, the reason instead.

        Reading and entering happen under one lock, so that two processes cannot both use the rest
        of the budget.
        """
        with self._locked() as handle:
            refusal = self._refusal(attempt.requests, attempt.usd)
            if refusal is None:
                self._enter(handle, vars(attempt))
            return refusal

    def settle(self, name: str, usd: float) -> None:
        """Enter the cost of an attempt. Repeating this, as after a crash, changes nothing."""
        with self._locked() as handle:
            if name in self._open:
                known = self._open[name].usd
                self._enter(handle, {"requests": 0, "usd": usd - known, "settled": name})

    def cancel(self, name: str) -> None:
        """Take back an attempt that never reached the server."""
        with self._locked() as handle:
            if name in self._open:
                known = self._open[name]
                entry = {"requests": -known.requests, "usd": -known.usd, "settled": name}
                self._enter(handle, entry)

    def is_open(self, name: str) -> bool:
        """Whether an attempt was entered and is not settled yet."""
        with self._locked():
            return name in self._open

    def lost(self, key: str) -> list[str]:
        """The names of the open attempts at a question, whose answers did not arrive."""
        with self._locked():
            return [name for name, attempt in self._open.items() if attempt.key == key]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, locked against other processes and read to its end."""
        with self._path.open("ab+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._catch_up(handle)
            yield handle

    def total(self) -> str:
        """The total of all that share the store, as the end of a sentence."""
        usd = f", {self.spent:.4f} USD at most" if self.spent > 0 else ""
        return f"; in all {self.requests} requests{usd}"

    def _refusal(self, requests: int, usd: float) -> str | None:
        budget = self._budget
        another = f"{requests} more requests" if requests > 1 else "another request"
        if self.requests + requests > budget.requests:
            return (
                f"judge.max_requests = {budget.requests}, of which {self.requests} are sent, "
                f"leaves no room for {another}; raise it"
            )
        if budget.cost is not None and self.spent + usd > budget.cost:
            return (
                f"{another} could cost more than judge.max_cost = {budget.cost:g} USD, of which "
                f"{self.spent:.4f} are spent; raise it"
            )
        return None

    def _catch_up(self, handle: BinaryIO) -> None:
        """Add the entries of other processes since the last look."""
        handle.seek(self._read)
        for line in handle.read().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                # A crash cut this line short, before its request was sent.
                continue
            self._count(entry)
        self._read = handle.tell()

    def _count(self, entry: dict) -> None:
        self.requests += entry["requests"]
        self.spent += entry["usd"]
        if "name" in entry:
            self._open[entry["name"]] = Attempt(**entry)
        self._open.pop(entry.get("settled", ""), None)

    def _enter(self, handle: BinaryIO, entry: dict) -> None:
        # Start a new line, even after one that a crash cut short.
        line = b"\n" * bool(self._read)
        handle.write(line + json.dumps(entry).encode())
        handle.flush()
        os.fsync(handle.fileno())
        self._read = handle.tell()
        self._count(entry)
