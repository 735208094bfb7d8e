"""Cells of a user's table: texts, numbers, sequences, and columns named almost like a field.

Every function here raises `BadRow` for a cell that is not what it should be.
"""

import math
import re
from collections.abc import Collection, Iterator

import pyarrow as pa

from seqfuse.bio.normalise import first_foreign, normalise
from seqfuse.bio.reading.bad_rows import BadRow

# What `float` accepts, without underscores and with the digits 0 to 9 only.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
# The fields that say which part of a sequence is coding.
ENDS = ("cds_start", "cds_end")
_PROTEIN = "EFILPQZJOX*"  # residues, and the stop, that are not nucleotide codes


def text(value: object) -> str | None:
    """A cell as text; whole floats lose `.0`, which integers get in a column with missing cells."""
    if isinstance(value, str) and value.isascii():
        return value or None
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list | bytes):
        fix = "write one text or number"
        raise BadRow(f"a cell holds {type(value).__name__}, not one text or number", fix=fix)
    written = str(value)
    if not written.isascii() and any("\ud800" <= letter <= "\udfff" for letter in written):
        raise BadRow("a cell holds half a character ({})", written, "write whole characters")
    return written


def looks_like_number(cell: str) -> bool:
    """Whether a text is a number in the usual notation."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def number(cell: str, field: str) -> float:
    """A text as a finite number."""
    value = float(cell) if looks_like_number(cell) else math.nan
    if not math.isfinite(value):
        raise BadRow(f"the {field} {{}} is not a number", cell, "correct it or remove the row")
    return value


def whole_number(cell: str, field: str) -> int:
    """A text as an integer of at least 0."""
    value = number(cell, field)
    if value % 1 or value < 0:
        raise BadRow(f"the {field} {{}} is not a whole number", cell, "correct it")
    return int(value)


def coding_part(sequence: str, start: str | None, end: str | None) -> str:
    """A sequence cut to `cds_start`..`cds_end`, nucleotides counted from 1, both included."""
    if start is end is None:
        return sequence
    sequence = "".join(sequence.split())
    first = number(start, "cds_start") if start else 1
    last = number(end, "cds_end") if end else len(sequence)
    if not (first % 1 == last % 1 == 0 and 1 <= first <= last <= len(sequence)):
        raise BadRow(
            "cds_start..cds_end is {}, which is not within its sequence",
            f"{first:g}..{last:g} of {len(sequence)} nt",
            "count nucleotides from 1, both ends included",
        )
    return sequence[int(first) - 1 : int(last)]


def only_letters(text: str, letters: bytes) -> bool:
    """Whether a text has only these letters; faster than a regular expression on long texts."""
    return text.isascii() and not text.encode("ascii").translate(None, letters)


def nucleotides(sequence: str, field: str) -> str:
    """A sequence in the stored spelling (see `bio.normalise`)."""
    if only_letters(sequence, b"ACGTN") and sequence.strip("N"):
        return sequence
    spelt = normalise(pa.array([sequence], pa.string()))
    if spelt.foreign[0]:
        raise foreign(first_foreign(sequence), field)
    if not spelt.known[0]:
        raise BadRow(f"{field} has no A, C, G or T", fix="remove the row")
    return spelt.letters[0].as_py()


def foreign(letter: str, field: str) -> BadRow:
    """The fault of a sequence with a letter that is not a nucleotide code, with a likely fix."""
    if letter == ".":
        fix = "in alignments `.` is a gap or the letter above: write `-` or that letter"
    elif letter.isdigit():
        fix = "remove the numbers that GenBank prints beside a sequence"
    elif letter.upper() in _PROTEIN:
        fix = "is it a protein? Give DNA or RNA"
    else:
        fix = "correct it"
    return BadRow(f"{field} has {{}}, which is not a nucleotide code", letter, fix)


def near_misses(header: Collection[str], fields: Collection[str]) -> Iterator[tuple[str, str]]:
    """(column, field) for columns named like a field except for case, blanks, `_` and `-`."""
    plain = {_plain(field): field for field in fields}
    for column in header:
        field = plain.get(_plain(column))
        if field is not None and field != column:
            yield column, field


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()
