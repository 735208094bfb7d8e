"""A folder of large files that several jobs may use at once, and that is gone with the last."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def shared(folder: Path, keep: bool = False) -> Iterator[Path]:
    """Use `folder`. The last job to end removes it, unless it is to `keep` it for another; one that
    fails or is interrupted leaves it, so that the next start finds what lies there.

    A lock beside it tells who uses it, on this node or another: a file that a process of another
    node has mapped must not go.
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
