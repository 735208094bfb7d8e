"""Training in several processes, on one node or more: which one leads, and what they exchange.

In a single process, every function here returns at once. Processes exchange gradients on their
GPUs and everything else over the CPU, with a long timeout, because the leader may write tens of
gigabytes while the others wait.
"""

import contextlib
import functools
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

# Longer than any job. If a process dies, the launcher ends the others.
_TIMEOUT = timedelta(days=7)


class Chunk(NamedTuple):
    """What a process was computing: `rows` rows, padded to `length` tokens."""

    rows: int
    length: int


class Shortage(Exception):
    """A process ran out of memory. All of them raise it, with the `chunks` of those that did."""

    def __init__(self, chunks: list[Chunk]):
        super().__init__(chunks)
        self.chunks = chunks


def count() -> int:
    """The number of processes."""
    import torch.distributed

    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    import torch.distributed

    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def leads() -> bool:
    """Whether this is the leader, the only process that writes files and messages."""
    return rank() == 0


def wait() -> None:
    """Wait until every process has arrived here."""
    agree()


@contextlib.contextmanager
def leader_first() -> Iterator[None]:
    """Run the block in the leader first, then in the other processes."""
    if not leads():
        wait()
    yield
    if leads():
        wait()


@contextlib.contextmanager
def led(context: contextlib.AbstractContextManager) -> Iterator[None]:
    """Enter `context` only in the leader, before any process continues."""
    with context if leads() else contextlib.nullcontext():
        wait()
        yield


def agree(short: Chunk | None = None) -> None:
    """Wait until every process has arrived here; all raise `Shortage` if any is `short` of memory.

    Every exchange of this module, and every exchange of a sharded model's weights, begins with this
    call. So a process that runs out of memory reaches the others by one call, wherever they are,
    and they abandon what they cannot finish without it.
    """
    chunks = [short or Chunk(0, 0)]
    if count() > 1:
        import torch

        own, of_all = torch.tensor(chunks[0]), torch.empty(count(), 2, dtype=torch.long)
        torch.distributed.all_gather(list(of_all), own, group=_messages(_world()))
        chunks = [Chunk(*values) for values in of_all.tolist()]
    if chunks := [chunk for chunk in chunks if chunk.rows]:
        raise Shortage(chunks)


def gathered(value: object) -> list:
    """The value of every process, in order."""
    agree()
    if count() == 1:
        return [value]
    import torch.distributed

    of_all = [None] * count()
    torch.distributed.all_gather_object(of_all, value, group=_messages(_world()))
    return of_all


def summed(value: float) -> float:
    """The sum over all processes, with the same bits in each."""
    return sum(gathered(value))


def average_gradients(parameters: Iterable) -> None:
    """Replace every gradient by its mean over all processes; a missing gradient counts as 0."""
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
    """The group in which processes exchange data on the CPU; all must make the first call."""
    import torch.distributed

    return torch.distributed.new_group(backend="gloo", timeout=_TIMEOUT)
