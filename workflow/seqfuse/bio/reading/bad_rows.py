"""Rows that cannot be used, counted by their fault, with the places of the first few."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse.bio.reading.file_kinds import suffix_form
from seqfuse.errors import UserError, printable, quoted
from seqfuse.progress import say

NAMED = 10  # rows named for each kind of fault, and kinds of fault that are reported
_ID = 24  # characters of an id


@dataclass(frozen=True)
class Place:
    """Where a row is in its source: the line of a text file or the row of a table, from 1."""

    file: str
    number: int
    id: str | None = None
    unit: str = "line"

    def __str__(self) -> str:
        return f"{printable(self.file)}: {self.unit} {self.within}"

    @property
    def within(self) -> str:
        """The place without its file."""
        return str(self.number) if self.id is None else f"{self.number} (id {quoted(self.id, _ID)})"


def place(
    file: str | None, number: int | None, row: int, id: str | None, records: Path | str
) -> Place:
    """The place of record number `row` (from 0), from the columns `file` and `line` of `RECORDS`;
    for generated records, its row in the table `records`."""
    if file is None or number is None:
        return Place(str(records), row + 1, id, "row")
    is_table = suffix_form(file) in (None, "parquet")
    return Place(file, number, id, "row" if is_table else "line")


class BadRow(Exception):
    """Why a row cannot be used: `what` says it, with {} for the value `example`; `fix` is what to
    do (turned into text only when reported); `hint` is what the value may have meant. `id` names
    the row if its file does not, and `cells` holds what is known about it.

    A row that does not `stop` the reading is left out, counted and named.
    """

    def __init__(
        self,
        what: str,
        example: object = None,
        fix: object = "correct it",
        hint: str = "",
        id: str | None = None,
        stops: bool = True,
    ):
        super().__init__(what)
        self.what, self.example, self.fix, self.hint = what, example, fix, hint
        self.id, self.stops = id, stops
        self.cells: dict[str, str] = {}

    def __str__(self) -> str:
        example = str(self.example) if isinstance(self.example, int) else quoted(self.example)
        return self.what.replace("{}", example, 1)


@dataclass
class Kind:
    """Rows of one file that share a fault; `first` is the first of them."""

    first: BadRow
    rows: int = 0
    places: list[Place] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The fault without the value."""
        return re.sub(r" \(?\{\}\)?", "", self.first.what, count=1)

    @property
    def fault(self) -> str:
        """Where the rows are, and what is wrong with them."""
        first = self.places[0]
        where = str(first)
        if self.rows > 1:
            numbers = ", ".join([first.within, *(str(place.number) for place in self.places[1:])])
            more = ", …" if self.rows > len(self.places) else ""
            where = f"{printable(first.file)}: {self.rows:,} rows ({first.unit}s {numbers}{more})"
        return f"{where}: {self.first}"

    def advice(self, otherwise: str = "") -> str:
        """The fault and how to fix it."""
        return f"{self.fault}; {self.first.fix}{otherwise}{self.first.hint}"


class BadRows:
    """The bad rows of one pass over some files, by kind of fault."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], Kind] = {}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def add(self, place: Place, row: BadRow) -> None:
        """Count a row; faults that differ only in a number are of one kind."""
        kind = self._kinds.setdefault((place.file, re.sub(r"\d+", "0", row.what)), Kind(row))
        kind.rows += 1
        if len(kind.places) < NAMED:
            kind.places.append(place)

    def refuse(self, otherwise: str = "") -> None:
        """Raise a `UserError` with one line a kind, if a row stops; `otherwise` follows the fix."""
        stopping = [kind for kind in self if kind.first.stops]
        if stopping:
            raise UserError("\n".join(kind.advice(otherwise) for kind in stopping[:NAMED]))

    def say(self, what: str) -> None:
        """Name the rows on standard error; `what` says what happens to them."""
        for kind in [*self][:NAMED]:
            say(f"{what}: {printable(kind.fault)}")
        if len(self._kinds) > NAMED:
            say(f"{what}: rows with {len(self._kinds) - NAMED:,} more kinds of fault")
