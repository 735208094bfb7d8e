"""What judging may cost, and the ledger of what it has cost: one for all that share a store.

Every process that judges into a store, and every later run, counts against one budget. The ledger
is a file of JSON lines beside the verdicts: an attempt is entered before it is sent, at the most
that it can cost, and settled when its price is known. One that is never settled stays as it was
entered: it may have been charged, and its answer may still be had.
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
    """What is about to be sent: a request, or a batch of them, at `usd` at most.

    The server keeps `name` with it. `key` is that of the question, of a single request.
    """

    usd: float
    requests: int = 1
    key: str | None = None
    name: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Budget:
    """What may be spent: requests, and money (None: any) at prices in USD a million tokens."""

    requests: int
    cost: float | None
    input_price: float
    output_price: float

    def price(self, prompt_tokens: int, answer_tokens: int) -> float:
        """USD of one request."""
        return (prompt_tokens * self.input_price + answer_tokens * self.output_price) / 1e6

    def most(self, question: Question) -> float:
        """USD that a question costs at most: a token is at least one byte."""
        body = canonical_json(question.body).encode()
        return self.price(len(body), question.answer_tokens)

    def paid(self, verdict: dict, most: float) -> float:
        """USD of one verdict by the server's count of tokens; `most` where it gave no count."""
        if "prompt_tokens" not in verdict or "completion_tokens" not in verdict:
            return most
        return self.price(verdict["prompt_tokens"], verdict["completion_tokens"])


class Ledger:
    """Requests and USD spent under a store's folder, by every process that judges into it."""

    def __init__(self, folder: Path, budget: Budget):
        """Read what was spent so far."""
        self._path, self._budget = folder / "spending.ndjson", budget
        self._read = 0
        self._open: dict[str, Attempt] = {}
        self.requests, self.spent = 0, 0.0
        with self._locked():
            pass

    def reserve(self, attempt: Attempt) -> str | None:
        """Enter what is about to be sent, or say why it may not be.

        Reading and entering happen under one lock, so that two processes cannot both take the last
        of a budget.
        """
        with self._locked() as handle:
            refusal = self._refusal(attempt.requests, attempt.usd)
            if refusal is None:
                self._enter(handle, vars(attempt))
            return refusal

    def settle(self, name: str, usd: float) -> None:
        """Enter what an attempt has cost. A second time, as after a crash, changes nothing."""
        with self._locked() as handle:
            if name in self._open:
                known = self._open[name].usd
                self._enter(handle, {"requests": 0, "usd": usd - known, "settled": name})

    def cancel(self, name: str) -> None:
        """Take back an attempt that the server never got."""
        with self._locked() as handle:
            if name in self._open:
                known = self._open[name]
                entry = {"requests": -known.requests, "usd": -known.usd, "settled": name}
                self._enter(handle, entry)

    def is_open(self, name: str) -> bool:
        """Whether an attempt was entered and not settled yet."""
        with self._locked():
            return name in self._open

    def lost(self, key: str) -> list[str]:
        """The names of the open attempts at one question: whose answers did not arrive."""
        with self._locked():
            return [name for name, attempt in self._open.items() if attempt.key == key]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, which nobody else reads or writes meanwhile, read to its end."""
        with self._path.open("ab+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._catch_up(handle)
            yield handle

    def total(self) -> str:
        """What all that share the store have spent, as the end of a sentence."""
        usd = f", {self.spent:.4f} USD at most" if self.spent > 0 else ""
        return f"; in all {self.requests} requests{usd}"

    def _refusal(self, requests: int, usd: float) -> str | None:
        budget = self._budget
        another = f"{requests} more requests" if requests > 1 else "another request"
        if self.requests + requests > budget.requests:
            return (
                f"the budget judge.max_requests = {budget.requests}, {self.requests} of them sent, "
                f"has no room for {another}; raise it"
            )
        if budget.cost is not None and self.spent + usd > budget.cost:
            return (
                f"{another} could cost more than judge.max_cost = {budget.cost:g} USD, of which "
                f"{self.spent:.4f} are spent; raise it"
            )
        return None

    def _catch_up(self, handle: BinaryIO) -> None:
        """Add what others entered since the last look."""
        handle.seek(self._read)
        for line in handle.read().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                # Cut short by a crash before its request was sent.
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
        # A line of its own even behind one that a crash cut short.
        line = b"\n" * bool(self._read)
        handle.write(line + json.dumps(entry).encode())
        handle.flush()
        os.fsync(handle.fileno())
        self._read = handle.tell()
        self._count(entry)
