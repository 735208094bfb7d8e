"""Training in several processes, on one node or more: which one leads, and what they add up.

Where nothing was started, every function here is that of a single process and costs nothing.
"""

import contextlib
from collections.abc import Iterable, Iterator


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
    if count() > 1:
        import torch.distributed

        torch.distributed.barrier()


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


def gathered(value: object) -> list:
    """The value of every process, in order."""
    if count() == 1:
        return [value]
    import torch.distributed

    found = [None] * count()
    torch.distributed.all_gather_object(found, value)
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
