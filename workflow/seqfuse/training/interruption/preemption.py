"""Interrupting a long command: Ctrl-C, a closed terminal, the scheduler.

`interruptible` makes each of `SIGNALS` end a command with a one-line message. A command whose work
would be lost uses an `Interruption`, which remembers the signal until the work is saved: every few
minutes, ahead of the job's deadline, and when a signal comes. Saved work is used by one process at
a time (`locked`); if it is damaged, it is renamed and kept (`set_aside`).
"""

import contextlib
import fcntl
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seqfuse.progress import say

Handler = Callable[[int, object], object] | int | None

# Ctrl-C, the scheduler's warning before a job's end, and a closed terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Time to save before the job's end; longer than the slowest step and a save together.
_MARGIN_SECONDS = 120.0


class Interrupted(SystemExit):
    """A signal ended the command; `where` says what is saved."""

    def __init__(self, number: int, where: str = ""):
        super().__init__(128 + number)
        name = signal.Signals(number).name
        self.line = f"interrupted by {name}{where}; run it again to continue"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the lock file `path`, after waiting for the process that holds it.

    A killed Snakemake leaves its jobs running, and the next Snakemake starts them again. The lock
    is released when its process ends, however that happens.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{path}: an earlier process is still doing the same work; waiting for its end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            # The process that held the lock may have removed the file; then try again.
            if os.fstat(lock.fileno()).st_nlink:
                yield
                path.unlink()
                return


def set_aside(path: Path, reason: object, instead: str) -> None:
    """Rename a file that a job would resume from but cannot read, and say in one line what happens
    `instead`."""
    kept = path.with_name(f"{path.name}.damaged")
    path.replace(kept)
    reason = " ".join(str(reason).split())
    say(f"{path}: truncated or corrupt ({reason}); kept as {kept.name}, {instead}")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the first of `SIGNALS` raise `Interrupted`, and a second one end the process at once.

    So a second Ctrl-C shows no traceback either.
    """

    def interrupt(number: int, frame: object) -> None:
        _handle(signal.SIG_DFL)
        raise Interrupted(number)

    before = _handle(interrupt)
    try:
        yield
    except Interrupted:
        _handle(signal.SIG_DFL)
        raise
    except BaseException:
        _restore(before)
        raise
    else:
        _restore(before)


class Interruption:
    """A context manager that remembers a signal, and ends the command at its exit.

    `minutes` is the time between two saves, unless a signal or the deadline comes first.
    """

    def __init__(self, minutes: float = 1.0):
        self._number: int | None = None
        self._every = 60 * minutes

    def __enter__(self) -> "Interruption":
        self._last = time.monotonic()
        # Slurm gives the end of the job in seconds since 1970.
        end = float(os.environ.get("SLURM_JOB_END_TIME", "inf"))
        self._deadline = self._last + end - time.time() - _MARGIN_SECONDS
        self._before = _handle(self._remember)
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        _restore(self._before)
        if kind is None and self.asked:
            self.leave()

    @property
    def asked(self) -> bool:
        """Whether a signal came."""
        return self._number is not None

    def due(self) -> bool:
        """Whether it is time to save; if so, the next interval starts."""
        now = time.monotonic()
        if not self.asked and now - self._last < self._every and now < self._deadline:
            return False
        if now >= self._deadline:
            self._deadline = math.inf
        self._last = now
        return True

    def leave(self, where: str = "") -> None:
        """End the command; without a signal of its own, because another process got one, as by
        SIGTERM."""
        raise Interrupted(self._number or signal.SIGTERM, where)

    def _remember(self, number: int, frame: object) -> None:
        self._number = number


def _handle(handler: Handler) -> dict[int, Handler]:
    """Install a handler for each of `SIGNALS`, except those that this process was started to
    ignore; returns the handlers before."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    replaced = {number: old for number, old in before.items() if old != signal.SIG_IGN}
    for number in replaced:
        signal.signal(number, handler)
    return replaced


def _restore(before: dict[int, Handler]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
