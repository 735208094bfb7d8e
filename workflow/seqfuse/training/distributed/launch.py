"""How a training command joins the processes that `accelerate launch` started with it.

accelerate, whose import takes seconds, is imported only if there are several processes.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.training.device import device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a training command that may run in several processes."""
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes that the launcher has started, each with one GPU (default: 1)",
    )
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="folder for TensorBoard logs"
    )


@contextlib.contextmanager
def started(expected: int) -> Iterator[None]:
    """Join the other processes of this run; `UserError` if there are not `expected` in all."""
    check(expected)
    if expected == 1:
        yield
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=device().type == "cpu")
    yield
    torch.distributed.destroy_process_group()


def check(expected: int) -> None:
    """`UserError` if the launcher did not start `expected` processes.

    With fewer, the run would otherwise silently train with smaller batches.
    """
    world_size = int(os.environ.get("WORLD_SIZE", 1))
    if world_size != expected:
        raise UserError(
            f"--processes {expected}, but {world_size} started; start them, on CPUs too, with"
            f" `accelerate launch --multi_gpu --num_processes {expected} --no_python seqfuse ...`"
        )
