"""What lets a long command be interrupted (Ctrl-C, a closed terminal, the scheduler) and go on.

`interruptible` makes each of `SIGNALS` end a command in one line. Where work would be lost, an
`Interruption` remembers the signal until the work is saved: every few minutes, ahead of a job's
deadline, and when a signal comes. What is saved belongs to one process at a time (`locked`), and
where it is damaged, it is named and kept (`set_aside`).
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

Answer = Callable[[int, object], object] | int | None

# Ctrl-C, what schedulers send ahead of a job's end, and a terminal that is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Before the end of a job's time; more than saving takes, and than the slowest step.
_MARGIN_SECONDS = 120.0


class Interrupted(SystemExit):
    """The end of a command that a signal asked for; `where` says what is saved."""

    def __init__(self, number: int, where: str = ""):
        super().__init__(128 + number)
        name = signal.Signals(number).name
        self.line = f"interrupted by {name}{where}; run it again to go on"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path`, a file made for that alone, against every other process, and wait for one that
    holds it.

    Snakemake that is killed leaves its jobs running, and starts them again when it is. The lock
    ends with its process, however that ends.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{path}: an earlier process is still at the same work; waiting for its end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever held it took it away at the end.
            if os.fstat(lock.fileno()).st_nlink:
                yield
                path.unlink()
                return


def set_aside(path: Path, reason: object, instead: str) -> None:
    """Rename a file that a job would go on from and that cannot be read, and say so and what comes
    `instead`, in one line."""
    kept = path.with_name(f"{path.name}.damaged")
    path.replace(kept)
    reason = " ".join(str(reason).split())
    say(f"{path}: cut or corrupt ({reason}); kept as {kept.name}, {instead}")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the first of `SIGNALS` raise `Interrupted`; from then on another one ends the process
    at once, so that a second Ctrl-C shows no traceback either."""

    def interrupt(number: int, frame: object) -> None:
        _answer(signal.SIG_DFL)
        raise Interrupted(number)

    before = _answer(interrupt)
    try:
        yield
    except Interrupted:
        _answer(signal.SIG_DFL)
        raise
    except BaseException:
        _restore(before)
        raise
    else:
        _restore(before)


class Interruption:
    """A context manager in which a signal is remembered, and obeyed when it is left.

    `minutes` lie between two saves, unless a signal or the deadline comes first.
    """

    def __init__(self, minutes: float = 1.0):
        self._number: int | None = None
        self._every = 60 * minutes

    def __enter__(self) -> "Interruption":
        self._last = time.monotonic()
        # Slurm says when it will end the job, in seconds since 1970.
        end = float(os.environ.get("SLURM_JOB_END_TIME", "inf"))
        self._deadline = self._last + end - time.time() - _MARGIN_SECONDS
        self._before = _answer(self._remember)
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
        """Whether it is time to save; asking starts the next interval."""
        now = time.monotonic()
        if not self.asked and now - self._last < self._every and now < self._deadline:
            return False
        if now >= self._deadline:
            self._deadline = math.inf
        self._last = now
        return True

    def leave(self, where: str = "") -> None:
        """End the command; in a process that only another one's signal ends, as SIGTERM would."""
        raise Interrupted(self._number or signal.SIGTERM, where)

    def _remember(self, number: int, frame: object) -> None:
        self._number = number


def _answer(answer: Answer) -> dict[int, Answer]:
    """Answer each of `SIGNALS` so, but for those that this process was started to ignore; what
    answered them before."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = {number: old for number, old in before.items() if old != signal.SIG_IGN}
    for number in heard:
        signal.signal(number, answer)
    return heard


def _restore(before: dict[int, Answer]) -> None:
    for number, answer in before.items():
        signal.signal(number, answer)
