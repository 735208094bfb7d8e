"""The one exception that a user may meet, and what its message suggests."""

import contextlib
import difflib
import sys
from collections.abc import Iterable, Iterator, Sequence

# The most characters of a quoted value, of a list of names, and of a name that is compared.
_QUOTED, _LISTED, _COMPARED = 40, 120, 100


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
    """The lines of a message, each with `kind` in front, without control characters."""
    return "\n".join(f"{kind}: {printable(line)}" for line in str(error).split("\n"))


def printable(text: str) -> str:
    """A text on one line: control characters as Python escapes them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quoted(value: object, most: int = _QUOTED) -> str:
    """A value of the user's data as messages quote it: on one line, cut after `most` characters."""
    text = str(value)
    return repr(text if len(text) <= most else text[: most - 1] + "…")


def nearest(word: str, known: Iterable[str], listed: str | None = None, most: int = _LISTED) -> str:
    """'; did you mean ...?' with the nearest known spelling, or else the known names.

    If they are too many for one line, `listed` names the file that lists them; the message then
    gives the three nearest names and that file.
    """
    known = sorted(name[:_COMPARED] for name in known)
    word = str(word)[:_COMPARED]
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {quoted(close[0])}?"
    if listed:
        some = difflib.get_close_matches(word, known, n=3, cutoff=0)
        return f"; nearest: {', '.join(some)}; all: {listed}"
    return f"; known: {several(known, most) or 'none'}"


def several(names: Sequence[str], most: int = _LISTED) -> str:
    """Names separated by commas, as many as fit into `most` characters, and the number of the
    rest."""
    shown = [
        printable(name if len(name) <= _QUOTED else name[: _QUOTED - 1] + "…") for name in names
    ]
    while len(", ".join(shown)) > most and len(shown) > 1:
        shown.pop()
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
