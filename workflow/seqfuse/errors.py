"""The one exception that a user may meet, and what its message suggests."""

import contextlib
import difflib
import sys
from collections.abc import Iterable, Iterator


class UserError(Exception):
    """Mistakes in the user's input or configuration, a line each: file, row, and the fix."""


@contextlib.contextmanager
def told_as(kind: str) -> Iterator[None]:
    """End the program with the lines of a `UserError` instead of a traceback."""
    try:
        yield
    except UserError as error:
        sys.exit(lines(kind, error))


def lines(kind: str, error: object) -> str:
    """The lines of a message, each with what it is."""
    return "\n".join(f"{kind}: {line}" for line in str(error).splitlines())


def nearest(word: str, known: Iterable[str], listed: str | None = None) -> str:
    """'; did you mean ...?' with the nearest known spelling, or the list of what is known.

    Of a list too long for a line, where it stands and what comes nearest.
    """
    known = sorted(known)
    close = difflib.get_close_matches(str(word), known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    if listed:
        some = difflib.get_close_matches(str(word), known, n=3, cutoff=0)
        return f"; nearest: {', '.join(some)}; all: {listed}"
    return f"; known: {', '.join(known) or 'none'}"
