"""The log of a training for TensorBoard, an optional package."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from seqfuse.errors import UserError


@contextlib.contextmanager
def shown(folder: Path, first_step: int) -> Iterator[Callable[[dict], None]]:
    """A function that writes an entry of the log.

    Steps from `first_step` on, which an interrupted run may have written already, are replaced.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "--tensorboard: the package tensorboard is not installed; run `pip install"
            " tensorboard`, or leave it out"
        ) from None
    with SummaryWriter(folder, purge_step=first_step) as writer:
        yield lambda entry: [
            writer.add_scalar(name, value, entry["step"])
            for name, value in entry.items()
            if isinstance(value, int | float) and name not in ("seed", "step")
        ]
