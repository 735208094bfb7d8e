"""A user's new sequences for a trained model: FASTA, or a table with a column of sequences.

A row that cannot be used is kept, with its place in the file and what is wrong with it.
"""

import re
import shlex
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from seqfuse.bio.reading import cells
from seqfuse.bio.reading.bad_rows import BadRow, BadRows, Place
from seqfuse.bio.reading.readers import Reader
from seqfuse.errors import UserError, nearest, quoted, several

_SEQUENCES = ("sequence", "variant")
# A first cell like this suggests that its column holds the sequences.
_DNA = re.compile("[ACGTUN]{6,}", re.IGNORECASE)
_TYPED = 40  # a longer column name is not written out in advice


@dataclass
class NewSequence:
    """A row: its place, the text of each field that its file has (None if empty; sequences spelt as
    `seqfuse sequences` spells them and cut to their coding part), and its fault, if it has one."""

    place: Place
    cells: dict[str, str | None]
    fault: BadRow | None = None

    @property
    def id(self) -> str:
        """The row's id; made from its number if the file has none."""
        return self.place.id

    def reject(self, fault: BadRow) -> None:
        """Set the fault, unless the row already has one."""
        self.fault = self.fault or fault


@dataclass(frozen=True)
class SequenceFile:
    """The rows of a file, in order, read anew at each iteration.

    `fields` are the fields a row may have, at least `sequence`; `columns` (field -> column) maps
    those that the table calls something else.
    """

    reader: Reader
    fields: Collection[str]
    columns: Mapping[str, str]

    @cached_property
    def _column_of(self) -> dict[str, str]:
        return _columns(self.reader, self.fields, self.columns)

    def __iter__(self) -> Iterator[NewSequence]:
        reader, column_of, unit = self.reader, self._column_of, self.reader.unit
        for count, (number, row) in enumerate(reader.each([*column_of.values()]), start=1):
            fault = row if isinstance(row, BadRow) else None
            known, texts = (fault.cells if fault else row), {}
            try:
                for field, column in column_of.items():
                    if column in known:
                        texts[field] = cells.text(known[column])
            except BadRow as error:
                fault = error
            id = texts.get("id") or (fault and fault.id) or f"row-{count}"
            place = Place(str(reader.path), number, id, unit)
            yield _spelt(NewSequence(place, texts, fault))


def read(
    path: Path, fields: Collection[str], columns: Mapping[str, str], genome: Path | None = None
) -> list[NewSequence]:
    """The rows of a file, all in memory; GFF3 needs its `genome`."""
    rows = [*of_file(path, fields, columns, genome)]
    ids = Ids()
    for row in rows:
        ids.add(row.id)
    ids.check(path, rows)
    return rows


def of_file(
    path: Path, fields: Collection[str], columns: Mapping[str, str], genome: Path | None = None
) -> SequenceFile:
    """The rows of a file with sequences, or of GFF3 with its `genome`."""
    reader = Reader(path, genome=genome)
    if reader.form == "vcf":
        raise UserError(
            f"{path}: a VCF has variants, not sequences; ask about them with `seqfuse ask --vcf`"
        )
    if genome is not None and reader.form != "gff3":
        raise UserError(
            f"--genome is for GFF3, but {path} has its own sequences ({reader.form}); remove it"
        )
    return SequenceFile(reader, fields, columns)


class Ids:
    """The ids of rows as hashes of eight bytes, so that even a file larger than memory can be
    checked for repeated ids."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, id: str) -> None:
        """Take one id."""
        code = blake2b(id.encode(errors="surrogatepass"), digest_size=8).digest()
        self._hashes.append(int.from_bytes(code))

    def check(self, path: Path, rows: Iterable[NewSequence]) -> None:
        """Raise `UserError` if there is no id, or if one of `rows` repeats the id of another."""
        import numpy as np

        if not self._hashes:
            raise UserError(f"{path}: no rows; give a file with sequences")
        hashes = np.sort(np.frombuffer(self._hashes, np.uint64))
        if (hashes[1:] != hashes[:-1]).all():
            return
        first: dict[str, Place] = {}
        for row in rows:
            other = first.setdefault(row.id, row.place)
            if other is not row.place:
                raise UserError(
                    f"{row.place}: the id {quoted(row.id)} occurs twice, first in {other.unit}"
                    f" {other.number}; make ids unique"
                )


def sound(rows: Iterable[NewSequence], policy: str) -> list[NewSequence]:
    """The usable rows; the others are reported (see `tell`)."""
    bad, usable = BadRows(), []
    for row in rows:
        if row.fault is None:
            usable.append(row)
        else:
            bad.add(row.place, row.fault)
    tell(bad, len(usable), policy)
    return usable


def tell(bad: BadRows, sound: int, policy: str) -> None:
    """Report rows that cannot be used, one line a kind. Raises `UserError` if `policy` is "refuse"
    or if no row is `sound`."""
    if policy == "refuse":
        bad.refuse(", or leave such rows out with --bad-rows reject")
    if not sound:
        bad.refuse()
        raise UserError("no usable row is left")
    bad.say("left out")


def _spelt(row: NewSequence) -> NewSequence:
    """A row with its sequences spelt and cut, or with their fault."""
    if row.fault is not None:
        return row
    try:
        if row.cells["sequence"] is None:
            raise BadRow("the sequence is missing", fix="fill it in or remove the row")
        ends = [row.cells.get(end) for end in cells.ENDS]
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
            raise UserError(f"--columns: unknown field {quoted(field)}{nearest(field, fields)}")
        if column not in header:
            raise UserError(f"{path}: no column {quoted(column)}{nearest(column, header, most=60)}")
    column_of = {field: field for field in fields if field in header} | dict(columns)
    for column, field in cells.near_misses(header, fields):
        if field not in column_of and column not in column_of.values():
            raise UserError(
                f"{path}: the column {quoted(column)} looks like {field} but is read only if named:"
                f" write {_flag(field, column)}, or rename it"
            )
    if "sequence" not in column_of:
        _, first = next(reader.each(header), (0, {}))
        cell_of = {} if isinstance(first, BadRow) else first
        likely = (name for name in header if _DNA.fullmatch(str(cell_of.get(name))))
        raise UserError(
            f"{path}: no column 'sequence' among {several(header, 60)}; say which it is, as in"
            f" {_flag('sequence', next(likely, 'COLUMN'))}"
        )
    return column_of


def _flag(field: str, column: str) -> str:
    """The flag to type, with a placeholder for a long column name."""
    return f"`--columns {field}={shlex.quote(column) if len(column) <= _TYPED else 'COLUMN'}`"
