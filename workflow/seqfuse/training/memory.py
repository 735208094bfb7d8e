"""The number of tokens that go through a model at once, halved when memory runs out.

The result stays the same: a step sums the gradients of all its chunks, and a batch's answers are
those of its rows. All processes halve together, because a sharded model needs every one of them.
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
    """The most `tokens`, padding included, that go through a model at once; once halved, it stays
    halved.

    `remedy` is what the user can do if a single row does not fit.
    """

    def __init__(self, tokens: int, remedy: str):
        self.tokens, self._remedy = tokens, remedy
        self._now = Chunk(0, 0)

    def enter(self, rows: int, length: int) -> None:
        """Announce the next pass through the model: `rows` rows, padded to `length` tokens."""
        self._now = Chunk(rows, length)

    def attempt(self, work: Callable[[], Result], again: Callable[[], None]) -> Result:
        """The result of `work`. If memory runs out in any process, `again` undoes in each process
        what `work` has done so far, and `work` restarts with half as many tokens at once.

        `work` splits its computation by `tokens`, and announces each piece to `enter`. If a piece
        of a single row does not fit, every process raises a `UserError`.
        """
        while True:
            try:
                return self._told(work)
            except Shortage as shortage:
                chunks = shortage.chunks
            # Outside `except`, whose error keeps every tensor of the failed pass alive.
            again()
            gc.collect()
            if device().type == "cuda":
                torch.cuda.empty_cache()
            self._halve(chunks)

    def _told(self, work: Callable[[], Result]) -> Result:
        """Do `work`, and inform all processes if memory runs out in this one."""
        try:
            return work()
        except torch.OutOfMemoryError:
            if not self._now.rows:
                raise
        processes.agree(short=self._now)
        raise AssertionError("agree() raises Shortage in every process if one is short of memory")

    def _halve(self, chunks: list[Chunk]) -> None:
        for rows, length in chunks:
            if rows == 1:
                raise UserError(
                    f"out of memory with {length} tokens of a single row; {self._remedy}"
                )
        before = self.tokens
        self.tokens = min(rows * length for rows, length in chunks) // 2
        if processes.leads():
            say(f"out of memory: from here on {self.tokens} tokens at once instead of {before}")
