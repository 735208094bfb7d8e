"""Progress of long stages: a bar on a terminal, a plain line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_SECONDS_BETWEEN_LINES = 10.0


def track(
    items: Iterable[Item],
    total: int | None = None,
    label: str = "",
    facts: Callable[[], str] = lambda: "",
) -> Iterator[Item]:
    """Yield `items`, showing on standard error how many of `total` are done, and `facts`."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(items, total=total, desc=label) as bar:
            for item in bar:
                yield item
                bar.set_postfix_str(facts(), refresh=False)
        return
    started = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            line = f"{label}: {done}/{total or '?'} after {now - started:.0f} s"
            say(", ".join(filter(None, (line, facts()))))
    say(f"{label}: {done} done in {time.monotonic() - started:.1f} s")


def say(message: str) -> None:
    """One line to standard error, where logs and terminals look."""
    print(message, file=sys.stderr, flush=True)
