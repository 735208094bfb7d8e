"""Rows of a source file, one at a time: CSV, TSV, Parquet, FASTA and JSON lines, plain or gzipped.

The suffix tells the format. Every mistake names the file, the line or row, and what to do. Rows are
dictionaries of the file's own column names; an empty CSV cell is None. Memory does not grow with
the file.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import UserError

csv.field_size_limit(2**31 - 1)  # a chromosome is a cell too
_PARQUET_ROWS = 256
_PARQUET_BUFFER = 1 << 20  # bytes; without it, a whole column of a row group is read at once
_FASTA = (".fasta", ".fna", ".fa", ".ffn")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*_DELIMITERS, ".parquet", *_FASTA, ".jsonl")


@dataclass(frozen=True)
class Reader:
    """A source file; FASTA headers are split at `separator` into `header_fields`."""

    path: Path
    header_fields: tuple[str, ...] = ()
    separator: str = "|"

    def columns(self) -> list[str]:
        """The names of the file's columns."""
        form = self._form()
        if form == ".parquet":
            return self._parquet().schema_arrow.names
        if form in _FASTA:
            next(self._fasta())
            return [*(self.header_fields or ["id"]), "sequence"]
        if form == ".jsonl":
            return list(next(self._json_lines()))
        return self._header(next(self._cells(form), []))

    def rows(self, columns: list[str]) -> Iterator[dict]:
        """The rows, as {column: value} of at least `columns`."""
        form = self._form()
        if form == ".parquet":
            file = self._parquet()
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(_PARQUET_ROWS, row_groups=[group], columns=columns):
                    yield from batch.to_pylist()
        elif form in _FASTA:
            yield from self._fasta()
        elif form == ".jsonl":
            yield from self._json_lines()
        else:
            yield from self._table(form)

    def _form(self) -> str:
        name = self.path.name.lower().removesuffix(".gz")
        form = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
        if form is None:
            raise UserError(f"{self.path}: unknown suffix; known: {', '.join(SUFFIXES)} (and .gz)")
        if self.path.stat().st_size == 0:
            raise UserError(f"{self.path}: the file is empty")
        return form

    def _parquet(self):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self.path, buffer_size=_PARQUET_BUFFER)
        except (pa.ArrowInvalid, OSError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{self.path}: not a readable Parquet file ({reason})") from None

    def _lines(self) -> Iterator[str]:
        opened = gzip.open if self.path.name.lower().endswith(".gz") else open
        number = 0
        try:
            with opened(self.path, "rb") as handle:
                for number, line in enumerate(handle, start=1):
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise UserError(
                f"{self.path}: line {number} is not UTF-8; convert it: iconv -f LATIN1 -t UTF-8"
            ) from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(
                f"{self.path}: cut or broken gzip after line {number} ({error}); fetch it again"
            ) from None

    def _cells(self, form: str) -> Iterator[list[str]]:
        reader = csv.reader(self._lines(), delimiter=_DELIMITERS[form], strict=True)
        try:
            yield from reader
        except csv.Error as error:
            raise UserError(f"{self.path}: line {reader.line_num}: {error}") from None

    def _header(self, header: list[str]) -> list[str]:
        if len(header) == 1:
            other = next((d for d in (";", "\t", ",", "|") if d in header[0]), None)
            if other:
                raise UserError(
                    f"{self.path}: row 1 (the header) is one column, {header[0]!r}; the delimiter "
                    f"seems to be {other!r}: use commas in .csv and tabs in .tsv"
                )
        twice = next((name for name in header if header.count(name) > 1), None)
        if twice is not None or not header:
            fault = f"the column {twice!r} occurs twice" if header else "no header"
            raise UserError(f"{self.path}: row 1 (the header): {fault}; name every column once")
        return header

    def _table(self, form: str) -> Iterator[dict]:
        cells = self._cells(form)
        header = self._header(next(cells, []))
        for number, row in enumerate((row for row in cells if row), start=1):
            if len(row) != len(header):
                raise UserError(
                    f"{self.path}: row {number} has {len(row)} cells and the header {len(header)}; "
                    f"quote cells that hold {_DELIMITERS[form]!r}"
                )
            yield {name: cell or None for name, cell in zip(header, row, strict=True)}

    def _fasta(self) -> Iterator[dict]:
        header, parts, number = None, [], 0
        for number, line in enumerate(self._lines(), start=1):
            line = line.strip()
            if line.startswith(">"):
                if header is not None:
                    yield self._fasta_row(header, parts)
                header, parts = (line[1:], number), []
            elif line and header is None:
                raise UserError(
                    f"{self.path}: line {number}: a sequence before any header; FASTA records "
                    "begin with a line '>name'"
                )
            else:
                parts.append(line)
        if header is None:
            raise UserError(f"{self.path}: no record; FASTA records begin with a line '>name'")
        yield self._fasta_row(header, parts)

    def _fasta_row(self, header: tuple[str, int], parts: list[str]) -> dict:
        text, number = header
        fields = ("id",) if not self.header_fields else self.header_fields
        values = text.split(self.separator) if self.header_fields else text.split()[:1]
        if len(values) != len(fields):
            raise UserError(
                f"{self.path}: line {number}: the header {text!r} is not "
                f"{self.separator.join(fields)!r}; set header_fields in the dataset's entry"
            )
        named = {name: value.strip() or None for name, value in zip(fields, values, strict=True)}
        return named | {"sequence": "".join(parts) or None}

    def _json_lines(self) -> Iterator[dict]:
        for number, line in enumerate(self._lines(), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{self.path}: line {number} is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise UserError(f"{self.path}: line {number} is not a JSON object")
            yield row
