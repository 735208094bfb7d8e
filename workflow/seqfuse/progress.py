"""Progress of long stages: a bar on a terminal, a plain line now and then in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_SECONDS_BETWEEN_LINES = 10.0


def track(items: Iterable[Item], total: int | None = None, label: str = "") -> Iterator[Item]:
    """Yield `items`, showing how many of `total` are done on standard error."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=label)
        return
    started = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            say(f"{label}: {done}/{total or '?'} after {now - started:.0f} s")
    say(f"{label}: {done} done in {time.monotonic() - started:.1f} s")


def say(message: str) -> None:
    """One line to standard error, where logs and terminals look."""
    print(message, file=sys.stderr, flush=True)
