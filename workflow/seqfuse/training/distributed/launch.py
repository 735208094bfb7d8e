"""How a training command joins the processes that `accelerate launch` started with it.

Only where several were started is accelerate imported, which takes seconds.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.training.device import device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a training that several processes may share."""
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes that a launcher has started, with one GPU each (default: 1)",
    )
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="folder for TensorBoard to show the log of"
    )


@contextlib.contextmanager
def started(asked: int) -> Iterator[None]:
    """Join the other processes of this run; an error if there are not `asked` of them."""
    check(asked)
    if asked == 1:
        yield
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=device().type == "cpu")
    yield
    torch.distributed.destroy_process_group()


def check(asked: int) -> None:
    """A `UserError` if a launcher did not start `asked` processes.

    One that starts fewer than it was asked for would otherwise silently train with smaller batches.
    """
    found = int(os.environ.get("WORLD_SIZE", 1))
    if found != asked:
        raise UserError(
            f"--processes {asked}, but {found} started; start them, on CPUs too, with `accelerate"
            f" launch --multi_gpu --num_processes {asked} --no_python seqfuse ...`"
        )
