"""What judging may cost, and the ledger of what it has cost: one for all that share a store.

Every process that judges into a store, and every later run, counts against one budget. The ledger
is a file of JSON lines beside the verdicts: before a request is sent it is entered at the most that
it can cost, and corrected when its price is known. After a crash what was entered stays: it may
have been charged.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


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
        self.requests, self.spent = 0, 0.0
        with self._locked():
            pass

    def reserve(self, most: Sequence[float]) -> str | None:
        """Enter one request for each of `most`, the USD that it may cost; or say why none may go.

        Reading and entering happen under one lock, so that two processes cannot both take the last
        of a budget.
        """
        with self._locked() as handle:
            refusal = self._refusal(len(most), sum(most))
            if refusal is None:
                self._enter(handle, len(most), sum(most))
            return refusal

    def correct(self, usd: float) -> None:
        """Enter USD, mostly less than none: a price that became known."""
        with self._locked() as handle:
            self._enter(handle, 0, usd)

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
            self.requests += entry["requests"]
            self.spent += entry["usd"]
        self._read = handle.tell()

    def _enter(self, handle: BinaryIO, requests: int, usd: float) -> None:
        # A line of its own even behind one that a crash cut short.
        line = b"\n" * bool(self._read)
        handle.write(line + json.dumps({"requests": requests, "usd": usd}).encode())
        handle.flush()
        os.fsync(handle.fileno())
        self._read = handle.tell()
        self.requests += requests
        self.spent += usd
