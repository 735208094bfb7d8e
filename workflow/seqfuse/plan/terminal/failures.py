"""What a failed job is shown as: its own message, its log and how it was ended."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import printable

# Lines of a log that are shown.
_LINES = 15
_MISTAKE = re.compile(r"seqfuse[\w -]*: error: ")
# What ended a job that has no words for it, in the words of Python and of a shell.
_KILLED = re.compile(r"died with <Signals\.(\w+)|returned non-zero exit status (1[3-9]\d)\.")
# What ends a job along with its run: Ctrl-C, a closed terminal, SIGTERM.
_STOPPED = re.compile(
    r"died with <Signals\.SIG(INT|HUP|TERM)\b|returned non-zero exit status (129|130|143)\."
)


@dataclass
class Failure:
    """A job that failed: what it is, its outputs, its logs, what Snakemake said of it, and what its
    executor did (a cluster's word for how it ended)."""

    name: str
    outputs: Sequence[str]
    logs: Sequence[str]
    said: str
    ended: str = ""


def stopped(said: str) -> bool:
    """Whether what Snakemake said of a failed job is that a signal asked it to stop."""
    return bool(_STOPPED.search(said))


def message(failure: Failure) -> list[str]:
    """What a failed job said itself, and above it how it was ended, where that is known.

    Its mistakes, or else the last lines of its log; if it left none, Snakemake's words stand.
    """
    ended = [failure.ended] if failure.ended else []
    if killed := _KILLED.search(failure.said):
        ended = [f"ended by {killed[1] or f'signal {int(killed[2]) - 128}'}"]
    for log in failure.logs:
        with contextlib.suppress(OSError):
            text = Path(log).read_text(encoding="utf-8", errors="replace")
            lines = [printable(line) for line in text.splitlines() if line.strip()]
            if mistakes := [line for line in lines if _MISTAKE.match(line)]:
                return ended + mistakes[-_LINES:]
            if lines:
                return ended + lines[-_LINES:]
    return failure.said.splitlines() or ended or ["its log is empty"]
