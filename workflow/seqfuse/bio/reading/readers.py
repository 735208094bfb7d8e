"""Rows of a source file, one at a time, in any format: tables, FASTA, annotations, variants.

The suffix gives the format; for .txt, the content does. Every error names the file, the line or
row, and the fix. Rows are dictionaries keyed by the file's own column names; an empty CSV cell is
None. A malformed row, such as one with a cell too many, is a `BadRow`, for the caller to count or
to stop at. Memory does not grow with the rows of a file.
"""

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse.bio import record_batches
from seqfuse.bio.reading import features, file_kinds, gff3, vcf
from seqfuse.bio.reading.bad_rows import BadRow, Place
from seqfuse.bio.reading.text import lines as text_lines
from seqfuse.errors import UserError, quoted, several

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole chromosome
_PARQUET_ROWS = 256
_ONE_OBJECT = "write one JSON object a line"
# A column name like this must be data: at least 12 nucleotides and nothing else.
_SEQUENCE = re.compile("[ACGTUN]{12,}", re.IGNORECASE)
# Part of csv's message -> what is wrong and how to fix it.
_CSV_FAULTS = {
    "new-line character": r"a CR inside a line; convert line ends: tr '\r' '\n'",
    "unexpected end": "a quote is opened here but never closed; double quotes inside a cell",
    "expected after": "text after a closing quote; double quotes inside a cell",
}


@dataclass(frozen=True)
class Reader:
    """A source file; FASTA headers are split at `separator` into `header_fields`. Variants become
    windows of `window` nucleotides in the `genome`; GFF3 gives the genome's coding sequences.

    `noted` counts peculiarities of rows that are read nevertheless, keyed by a phrase.
    """

    path: Path
    header_fields: tuple[str, ...] = ()
    separator: str = "|"
    genome: Path | None = None
    window: int = vcf.WINDOW
    strand: str = "+"
    noted: Counter[str] = field(default_factory=Counter, compare=False)

    def columns(self) -> list[str]:
        """The names of the file's columns; for JSON lines, every key that occurs in a line."""
        form = self.form
        if form == "parquet":
            return self._header(record_batches.opened(self.path).schema_arrow.names)
        if form == "fasta":
            next(self._fasta(form), None)
            return [*(self.header_fields or ["id"]), "sequence"]
        if form == "jsonl":
            names: dict[str, None] = {}
            for number, row in self._json_lines(form):
                if isinstance(row, dict):
                    names |= dict.fromkeys(row)
                elif not names:  # no JSON lines at all
                    raise self._stop(number, row)
            if not names:
                raise UserError(f"{self.path}: no row; {_ONE_OBJECT}")
            return [*names]
        if form in file_kinds.DELIMITERS:
            return self._header(next(self._cells(form), (0, []))[1])
        return self._parser(form).columns()

    def rows(self, columns: list[str]) -> Iterator[dict]:
        """The rows as {column: value}, with at least `columns`."""
        return (row for _, row in self.numbered(columns))

    @property
    def unit(self) -> str:
        """What `numbered` counts: "line" or "row"."""
        return "row" if self.form == "parquet" else "line"

    def numbered(self, columns: list[str]) -> Iterator[tuple[int, dict]]:
        """The rows, each with the line of the file where it begins (for Parquet, its row number).

        Both count from 1, and include blank lines and line ends inside cells. Raises `UserError` at
        the first bad row.
        """
        for number, row in self.each(columns):
            if isinstance(row, BadRow):
                raise self._stop(number, row)
            yield number, row

    def _stop(self, number: int, row: BadRow) -> UserError:
        return UserError(f"{Place(str(self.path), number, row.id, self.unit)}: {row}; {row.fix}")

    def each(self, columns: list[str]) -> Iterator[tuple[int, dict | BadRow]]:
        """Like `numbered`, but yields a `BadRow` for each bad row."""
        form = self.form
        if form == "parquet":
            file = record_batches.opened(self.path)
            number = 1
            for batch in record_batches.batches(self.path, file, _PARQUET_ROWS, columns):
                try:
                    rows = batch.to_pylist()
                except (ValueError, OverflowError) as error:
                    what = (
                        "text is not UTF-8"
                        if isinstance(error, UnicodeError)
                        else "date is invalid"
                    )
                    last = number + len(batch) - 1
                    raise UserError(
                        f"{self.path}: rows {number} to {last}: a {what}; write the file again with"
                        " texts and numbers"
                    ) from None
                yield from enumerate(rows, start=number)
                number += len(rows)
        elif form == "fasta":
            yield from self._fasta(form)
        elif form == "jsonl":
            nothing = dict.fromkeys(columns)
            for number, row in self._json_lines(form):
                yield number, row if isinstance(row, BadRow) else nothing | row
        elif form in file_kinds.DELIMITERS:
            yield from self._table(form)
        else:
            self.noted.clear()
            yield from self._parser(form).each(columns)

    def _parser(self, form: str) -> "vcf.Vcf | gff3.Gff3 | features.Features":
        """The parser for an annotation or variants."""
        if form == "vcf":
            return vcf.Vcf(self.path, self.genome, self.window, self.strand, self.noted)
        if form == "gff3":
            return gff3.Gff3(self.path, self.genome, self.noted)
        return features.Features(self.path, form, self.noted)

    @property
    def form(self) -> str:
        """The file's form, as in `file_kinds.FORMS`."""
        if not self.path.exists():
            raise UserError(f"{self.path}: no such file")
        if not self.path.is_file():
            raise UserError(f"{self.path}: a folder, pipe or device; give a file")
        if self.path.stat().st_size == 0:
            raise UserError(f"{self.path}: the file is empty")
        return file_kinds.form(self.path)

    def _cells(self, form: str) -> Iterator[tuple[int, list[str]]]:
        """(the line where it begins, its cells) for each row that is not blank."""
        delimiter = file_kinds.DELIMITERS[form]
        comments, lines = _without_comments(text_lines(self.path, form), delimiter)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        line = comments + 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = comments + reader.line_num + 1
        except csv.Error as error:
            known = (fault for part, fault in _CSV_FAULTS.items() if part in str(error))
            raise UserError(f"{self.path}: line {line}: {next(known, str(error))}") from None

    def _header(self, header: list[str]) -> list[str]:
        where = f"{self.path}: row 1 (the header)"
        if not header:
            raise UserError(f"{where}: no header; name every column once")
        data = next((name for name in header if _SEQUENCE.fullmatch(name.strip())), None)
        if data is not None:
            raise UserError(
                f"{where} holds the sequence {quoted(data, 20)}; write a line of column names"
                " above the data, such as sequence,value"
            )
        if len(header) == 1:
            other = next((d for d in (";", "\t", ",", "|") if d in header[0]), None)
            if other:
                raise UserError(
                    f"{where} is one column, {quoted(header[0])}; the delimiter "
                    f"seems to be {other!r}: use commas in .csv and tabs in .tsv"
                )
        nameless = [str(place) for place, name in enumerate(header, start=1) if not name.strip()]
        if len(nameless) > 1:
            raise UserError(
                f"{where}: {len(nameless)} columns have no name (columns {several(nameless)}); name"
                " or remove them, and the commas or tabs at the end of each line"
            )
        twice = next((name for name in header if header.count(name) > 1), None)
        if twice is not None:
            raise UserError(
                f"{where}: the column {quoted(twice)} occurs twice; name every column once"
            )
        return header

    def _table(self, form: str) -> Iterator[tuple[int, dict | BadRow]]:
        cells = self._cells(form)
        header = self._header(next(cells, (0, []))[1])
        for line, row in cells:
            if len(row) == len(header):
                yield line, {name: cell or None for name, cell in zip(header, row, strict=True)}
                continue
            what = f"a row of {{}} cells under a header of {len(header)}"
            fix = f"quote cells that hold {file_kinds.DELIMITERS[form]!r}"
            yield line, BadRow(what, len(row), fix)

    def _fasta(self, form: str) -> Iterator[tuple[int, dict | BadRow]]:
        header, parts, number = None, [], 0
        for number, line in enumerate(text_lines(self.path, form), start=1):
            line = line.strip()
            if line.startswith(">"):
                if header is not None:
                    yield self._fasta_row(header, parts)
                header, parts = (line[1:], number), []
                continue
            if header is None and line.startswith((";", "#")):
                continue
            if line and header is None:
                raise UserError(
                    f"{self.path}: line {number}: a sequence before any header; FASTA records "
                    "begin with a line '>name'"
                )
            for letter, fault in ((">", "a header inside a line"), ("\r", "a CR inside a line")):
                if letter in line:
                    raise UserError(
                        f"{self.path}: line {number}: {letter!r} inside a sequence: {fault}; start"
                        " a new line there"
                    )
            parts.append(line)
        if header is None:
            raise UserError(f"{self.path}: no record; FASTA records begin with a line '>name'")
        yield self._fasta_row(header, parts)

    def _fasta_row(self, header: tuple[str, int], parts: list[str]) -> tuple[int, dict | BadRow]:
        text, number = header
        fields = ("id",) if not self.header_fields else self.header_fields
        values = text.split(self.separator) if self.header_fields else text.split()[:1]
        if not text:
            return number, BadRow("a header without a name", fix="write '>name'")
        if len(values) != len(fields):
            form, fix = self.separator.join(fields), "set header_fields in the dataset's entry"
            return number, BadRow(f"the header {{}} is not {quoted(form)}", text, fix)
        named = {name: value.strip() or None for name, value in zip(fields, values, strict=True)}
        return number, named | {"sequence": "".join(parts) or None}

    def _json_lines(self, form: str) -> Iterator[tuple[int, dict | BadRow]]:
        for number, line in enumerate(text_lines(self.path, form), start=1):
            if line.strip():
                yield number, _json_object(line)


def _without_comments(lines: Iterator[str], delimiter: str) -> tuple[int, Iterator[str]]:
    """The number of comment lines at the start of a table, and its other lines.

    Comments begin with #. The last one is the header if it has as many cells as the next line.
    """
    comments, first = [], []
    for line in lines:
        if not line.startswith("#"):
            first.append(line)
            break
        comments.append(line)
    cells = first[0].count(delimiter) if first else 0
    if comments and cells and comments[-1].count(delimiter) == cells:
        first.insert(0, comments.pop().lstrip("# "))
    return len(comments), itertools.chain(first, lines)


def _json_object(line: str) -> dict | BadRow:
    try:
        row = json.loads(line, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        return BadRow(f"not JSON ({error.msg})", fix=_ONE_OBJECT)
    except RecursionError:
        return BadRow("nested too deeply", fix=f"{_ONE_OBJECT}, of texts and numbers")
    except BadRow as fault:
        return fault
    except ValueError:
        return BadRow("a number of too many digits")
    return row if isinstance(row, dict) else BadRow("not a JSON object", fix=_ONE_OBJECT)


def _once(pairs: list[tuple[str, object]]) -> dict:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRow("the key {} occurs twice", twice, "keep one")
    return row
