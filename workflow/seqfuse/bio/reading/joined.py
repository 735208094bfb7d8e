"""Rows of a file joined with a table by a key, such as FASTA and a table of values.

The table is in memory, the file is not. Rows without a partner are left out, counted and named; a
key that occurs twice in the table is a fault, because nothing says which row is meant.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqfuse.bio.reading import cells
from seqfuse.bio.reading.bad_rows import BadRow, BadRows, Place
from seqfuse.bio.reading.readers import Reader
from seqfuse.errors import UserError, nearest, quoted

# Keys compared to find out how the two sides spell them.
_COMPARED = 1000


class Table:
    """A table with one key a row, in the column `on`."""

    def __init__(self, path: Path, on: str):
        self.path, self.on = path, on
        self.reader = Reader(path)
        self.columns = self.reader.columns()
        if on not in self.columns:
            raise UserError(
                f"{path}: no column {quoted(on)} to join by{nearest(on, self.columns, most=60)};"
                " write it as join: {on: ...}, or on: {COLUMN OF THE FILE: COLUMN OF THE TABLE}"
            )
        # Key -> line and cells; keys in several rows; how often each key was looked up; the first
        # keys that the table lacks.
        self.rows: dict[str, tuple[int, tuple]] = {}
        self.repeated: set[str] = set()
        self.used: Counter[str] = Counter()
        self.missed: list[str] = []
        self._loaded: Sequence[str] | None = None

    def load(self, columns: Sequence[str], bad: BadRows) -> None:
        """Read the rows with these columns, except those whose key occurs twice."""
        if self._loaded == columns:
            return
        self._loaded = columns
        for number, row in self.reader.each([self.on, *columns]):
            place = Place(str(self.path), number, None, self.reader.unit)
            try:
                key = _key(row if isinstance(row, BadRow) else row.get(self.on))
            except BadRow as fault:
                bad.add(place, fault)
                continue
            if key in self.rows:
                self.repeated.add(key)
                bad.add(self._place(self.rows.pop(key)[0], key), self._twice(key))
            if key in self.repeated:
                bad.add(self._place(number, key), self._twice(key))
            else:
                self.rows[key] = (number, tuple(row.get(name) for name in columns))

    def cells(self, key: str) -> dict | None:
        """The cells of a key's row; None if the table lacks the key."""
        if key not in self.rows:
            if len(self.missed) < _COMPARED:
                self.missed.append(key)
            return None
        self.used[key] += 1
        return dict(zip(self._loaded, self.rows[key][1], strict=True))

    def finish(self, files: str, bad: BadRows) -> None:
        """Report the rows that no row of the files matches; raise `UserError` if none matches."""
        if self.rows and not self.used and self.missed:
            ours, theirs = self.missed[0], next(iter(self.rows))
            raise UserError(
                f"{files} and {self.path}: no {self.on} is in both (such as {quoted(ours)} and"
                f" {quoted(theirs)}){self._hint()}"
            )
        what = f"the {self.on} {{}} is not in {files}{self._hint()}"
        for key, (number, _) in self.rows.items():
            if key not in self.used:
                bad.add(self._place(number, key), BadRow(what, key, stops=False))

    @property
    def shared(self) -> int:
        """The number of rows of the files that share their table row with an earlier one."""
        return self.used.total() - len(self.used)

    def _place(self, number: int, key: str) -> Place:
        return Place(str(self.path), number, key, self.reader.unit)

    def _twice(self, key: str) -> BadRow:
        fix = "keep one row of each, such as the mean"
        return BadRow(f"the {self.on} {{}} is in several rows", key, fix)

    def _hint(self) -> str:
        """How the keys of the two sides could be made to match."""
        theirs = [key for key in self.rows if key not in self.used]
        changes = {
            "without what follows the last `.`": lambda key: key.rpartition(".")[0] or key,
            "with letters of one case": str.casefold,
            "without what follows the first `|`": lambda key: key.partition("|")[0],
        }
        for how, change in changes.items():
            common = {*map(change, self.missed)} & {*map(change, theirs)}
            if common:
                return f"; {how}, {len(common):,} more would match"
        return ""


class Joined:
    """A reader whose rows also have the cells of a table."""

    def __init__(self, reader: Reader, own: str, table: Table, bad: BadRows):
        self.reader, self.own, self.table, self._bad = reader, own, table, bad
        self.unit, self.noted = reader.unit, reader.noted
        self._ours = reader.columns()
        if own not in self._ours:
            raise UserError(
                f"{reader.path}: no column {quoted(own)} to join by"
                f"{nearest(own, self._ours, most=60)}; write it as join: {{on: ...}}"
            )
        self._theirs = [name for name in table.columns if name != table.on]
        twice = next((name for name in self._theirs if name in self._ours), None)
        if twice is not None:
            raise UserError(
                f"{reader.path} and {table.path} both have a column {quoted(twice)}; rename or"
                " remove one of them"
            )

    def columns(self) -> list[str]:
        """The columns of the file, then those of the table."""
        return [*self._ours, *self._theirs]

    def each(self, columns: list[str]) -> Iterator[tuple[int, dict | BadRow]]:
        """The rows joined with their partners; a `BadRow` for a row without one."""
        self.table.load([name for name in self._theirs if name in columns], self._bad)
        ours = [name for name in self._ours if name in columns or name == self.own]
        for number, row in self.reader.each(ours):
            if isinstance(row, BadRow):
                yield number, row
                continue
            try:
                key = _key(row.get(self.own))
            except BadRow as fault:
                yield number, fault
                continue
            partner = self.table.cells(key)
            if partner is None:
                is_in = "is in several rows of" if key in self.table.repeated else "is not in"
                what = f"the {self.own} {{}} {is_in} {self.table.path.name}"
                yield number, BadRow(what, key, id=key, stops=False)
            else:
                yield number, row | partner


def _key(cell: object) -> str:
    if isinstance(cell, BadRow):
        raise cell
    key = (cells.text(cell) or "").strip()
    if not key:
        raise BadRow("the key to join by is missing", fix="fill it in or remove the row")
    return key
