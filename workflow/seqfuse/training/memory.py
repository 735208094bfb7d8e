"""Out of memory: how many tokens go through a model at once, halved until they fit.

What is computed stays the same: a step's gradient is that of all its chunks, a batch's answers are
those of its rows. Of several processes all halve together, because a sharded model cannot go on
in one alone.
"""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from seqfuse.errors import UserError
from seqfuse.progress import say
from seqfuse.training.device import device
from seqfuse.training.distributed import processes
from seqfuse.training.distributed.processes import Chunk, Shortage

Result = TypeVar("Result")


class TokenBudget:
    """How many `tokens`, padding included, go through a model at once; halved, they stay so.

    `remedy` is what the user can do where a single row is too much.
    """

    def __init__(self, tokens: int, remedy: str):
        self.tokens, self._remedy = tokens, remedy
        self._now = Chunk(0, 0)

    def enter(self, rows: int, length: int) -> None:
        """Say what goes through the model next: so many rows of so many tokens each."""
        self._now = Chunk(rows, length)

    def attempt(self, work: Callable[[], Result], again: Callable[[], None]) -> Result:
        """What `work` returns. Where memory runs out in any process, `again` undoes in each what
        `work` has done so far, and it begins once more with half as many tokens at once.

        `work` cuts what it computes by `tokens`, and tells `enter` of every piece. A piece of one
        row, which cannot be cut, is a `UserError` in every process.
        """
        while True:
            try:
                return self._told(work)
            except Shortage as shortage:
                chunks = shortage.chunks
            # Behind `except`, whose error holds every tensor of the pass that failed.
            again()
            gc.collect()
            if device().type == "cuda":
                torch.cuda.empty_cache()
            self._halve(chunks)

    def _told(self, work: Callable[[], Result]) -> Result:
        """Do `work`, and tell all processes if memory runs out in this one."""
        try:
            return work()
        except torch.OutOfMemoryError:
            if not self._now.rows:
                raise
        processes.agree(short=self._now)
        raise AssertionError("every process raises a shortage that one has told")

    def _halve(self, chunks: list[Chunk]) -> None:
        for rows, length in chunks:
            if rows == 1:
                raise UserError(
                    f"out of memory with {length} tokens of a single row; {self._remedy}"
                )
        before = self.tokens
        self.tokens = min(rows * length for rows, length in chunks) // 2
        if processes.leads():
            say(f"out of memory: {self.tokens} tokens at once from here on, not {before}")
