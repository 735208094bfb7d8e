"""The one exception that a user may meet, and what its message suggests."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in the user's input or configuration, told in one line: file, row, and the fix."""


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
