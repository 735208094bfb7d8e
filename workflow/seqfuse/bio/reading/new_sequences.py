"""New sequences of a user, for a trained model: FASTA, or a table with a column of them.

Nothing is lost: a row that cannot be used stays, with its place in the file and what is wrong.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seqfuse.bio.reading import cells
from seqfuse.bio.reading.bad_rows import BadRow, BadRows, Place
from seqfuse.bio.reading.readers import Reader
from seqfuse.errors import UserError, nearest, quoted, several

_SEQUENCES = ("sequence", "variant")
# Of a column's first cell: it is likely the column of sequences.
_DNA = re.compile("[ACGTUN]{6,}", re.IGNORECASE)
_ENDS = ("cds_start", "cds_end")
_TYPED = 40  # letters of a column's name


@dataclass
class NewSequence:
    """A row: where it stands, the text of each field that its file has (None where it is empty;
    sequences as `seqfuse sequences` spells them, cut to their coding part), and why it cannot be
    used, if it cannot."""

    place: Place
    cells: dict[str, str | None]
    fault: BadRow | None = None

    @property
    def id(self) -> str:
        """Its name; made from the row's number where the file has none."""
        return self.place.id

    def reject(self, fault: BadRow) -> None:
        """Say why it cannot be used, unless that is said already."""
        self.fault = self.fault or fault


def read(
    path: Path,
    fields: Collection[str],
    columns: Mapping[str, str],
    reader: Reader | None = None,
) -> list[NewSequence]:
    """The rows of a file, in order.

    `fields` are what a row may have, `sequence` at least; `columns` (field -> column) names those
    of a table that are called otherwise. A `reader` knows the genome, where one is needed.
    """
    reader = reader or Reader(path)
    column_of = _columns(reader, fields, columns)
    rows = []
    for count, (number, row) in enumerate(reader.each([*column_of.values()]), start=1):
        found: dict[str, str | None] = {}
        fault = row if isinstance(row, BadRow) else None
        try:
            if fault is None:
                found |= {field: cells.text(row[column]) for field, column in column_of.items()}
        except BadRow as error:
            fault = error
        id = found.get("id") or (fault and fault.id) or f"row-{count}"
        place = Place(str(path), number, id, reader.unit)
        rows.append(_spelt(NewSequence(place, found, fault)))
    if not rows:
        raise UserError(f"{path}: there is no row; give a file with sequences")
    _refuse_repeated_ids(rows)
    return rows


def sound(rows: Iterable[NewSequence], policy: str) -> list[NewSequence]:
    """The rows that can be used. The others are named, a line a kind; they stop the command where
    `policy` is to refuse them, or where they are all."""
    bad, found = BadRows(), []
    for row in rows:
        if row.fault is None:
            found.append(row)
        else:
            bad.add(row.place, row.fault)
    if policy == "refuse":
        bad.refuse(", or leave such rows out with --bad-rows reject")
    if not found:
        bad.refuse()
        raise UserError("no row is left that can be used")
    bad.say("left out")
    return found


def _spelt(row: NewSequence) -> NewSequence:
    """A row with its sequences spelled and cut, or with what is wrong with them."""
    if row.fault is not None:
        return row
    try:
        if row.cells["sequence"] is None:
            raise BadRow("the sequence is missing", fix="fill it in or remove the row")
        ends = [row.cells.get(end) for end in _ENDS]
        row.cells["sequence"] = cells.coding_part(row.cells["sequence"], *ends)
        for field in _SEQUENCES:
            if row.cells.get(field) is not None:
                row.cells[field] = cells.nucleotides(row.cells[field], field)
    except BadRow as fault:
        row.reject(fault)
    return row


def _columns(reader: Reader, fields: Collection[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that the file has."""
    path, header = reader.path, reader.columns()
    for field, column in columns.items():
        if field not in fields:
            raise UserError(f"--columns: there is no field {quoted(field)}{nearest(field, fields)}")
        if column not in header:
            raise UserError(f"{path}: no column {quoted(column)}{nearest(column, header, most=60)}")
    found = {field: field for field in fields if field in header} | dict(columns)
    for column, field in cells.near_misses(header, fields):
        if field not in found and column not in found.values():
            raise UserError(
                f"{path}: the column {quoted(column)} is read only if it is named: write"
                f" {_flag(field, column)}, or rename it"
            )
    if "sequence" not in found:
        _, first = next(reader.each(header), (0, {}))
        cell_of = {} if isinstance(first, BadRow) else first
        likely = (name for name in header if _DNA.fullmatch(str(cell_of.get(name))))
        raise UserError(
            f"{path}: no column 'sequence' among {several(header, 60)}; say which it is, as in"
            f" {_flag('sequence', next(likely, 'COLUMN'))}"
        )
    return found


def _flag(field: str, column: str) -> str:
    """What to type, if the name is short enough to be typed."""
    return f"`--columns {field}={shlex.quote(column) if len(column) <= _TYPED else 'COLUMN'}`"


def _refuse_repeated_ids(rows: list[NewSequence]) -> None:
    first: dict[str, Place] = {}
    for row in rows:
        other = first.setdefault(row.id, row.place)
        if other is not row.place:
            raise UserError(
                f"{row.place}: the id {quoted(row.id)} occurs twice, first in {other.unit}"
                f" {other.number}; make ids unique"
            )
