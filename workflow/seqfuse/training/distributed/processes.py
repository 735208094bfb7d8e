"""Training in several processes, on one node or more: which one leads, and what they add up.

Where nothing was started, every function here is that of a single process and costs nothing. What
they tell each other goes over the CPU, beside the gradients on their GPUs, and waits for as long as
one of them may work alone: the leader writes tens of gigabytes while the others wait.
"""

import contextlib
import functools
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

# More than any job; a process that dies ends the others through its launcher.
_PATIENCE = timedelta(days=7)


class Chunk(NamedTuple):
    """What a process had in its memory: so many rows of so many tokens each, with padding."""

    rows: int
    length: int


class Shortage(Exception):
    """A process ran out of memory. All of them raise it, with the `chunks` of those that did."""

    def __init__(self, chunks: list[Chunk]):
        super().__init__(chunks)
        self.chunks = chunks


def count() -> int:
    """How many processes there are."""
    import torch.distributed

    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    import torch.distributed

    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def leads() -> bool:
    """Whether this is the one process that writes files and speaks."""
    return rank() == 0


def wait() -> None:
    """Go on when every process has come here."""
    agree()


@contextlib.contextmanager
def leader_first() -> Iterator[None]:
    """What is done inside finds what the leader has already done."""
    if not leads():
        wait()
    yield
    if leads():
        wait()


@contextlib.contextmanager
def led(context: contextlib.AbstractContextManager) -> Iterator[None]:
    """Enter `context` in the leader alone, before any process goes on."""
    with context if leads() else contextlib.nullcontext():
        wait()
        yield


def agree(short: Chunk | None = None) -> None:
    """Go on when every process has come here and none is `short` of memory; else raise `Shortage`.

    Every exchange of this module begins with it, and every one of a sharded model's weights. So a
    process that runs out of memory, wherever the others are, reaches them by one call, and they
    leave what they cannot finish without it.
    """
    chunks = [short or Chunk(0, 0)]
    if count() > 1:
        import torch

        own, found = torch.tensor(chunks[0]), torch.empty(count(), 2, dtype=torch.long)
        torch.distributed.all_gather(list(found), own, group=_messages(_world()))
        chunks = [Chunk(*values) for values in found.tolist()]
    if chunks := [chunk for chunk in chunks if chunk.rows]:
        raise Shortage(chunks)


def gathered(value: object) -> list:
    """The value of every process, in order."""
    agree()
    if count() == 1:
        return [value]
    import torch.distributed

    found = [None] * count()
    torch.distributed.all_gather_object(found, value, group=_messages(_world()))
    return found


def summed(value: float) -> float:
    """The sum over all processes: the same bits in each."""
    return sum(gathered(value))


def average_gradients(parameters: Iterable) -> None:
    """Let every gradient be the mean over all processes; an absent one counts as 0."""
    if count() == 1:
        return
    import torch

    waiting = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        parameter.grad /= count()
        waiting.append(torch.distributed.all_reduce(parameter.grad, async_op=True))
    for work in waiting:
        work.wait()


def _world():
    import torch.distributed

    return torch.distributed.group.WORLD


@functools.cache
def _messages(world):
    """The group over which all processes talk on the CPU; the first call must be made by all."""
    import torch.distributed

    return torch.distributed.new_group(backend="gloo", timeout=_PATIENCE)
