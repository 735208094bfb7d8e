"""A folder of large files that several jobs may use at once, and that the last one removes."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def shared(folder: Path, keep: bool = False) -> Iterator[Path]:
    """Use `folder`. The last job to end removes it, unless that job is to `keep` it for another.

    A job that fails or is interrupted leaves it, so that the next start can use its files. A lock
    beside it shows whether any process, on this node or another, uses it: a file that another node
    has mapped must not be removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        folder.mkdir(exist_ok=True)
        yield folder
        if keep:
            return
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
