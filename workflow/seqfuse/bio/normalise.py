"""Nucleotide sequences in one spelling, whole Arrow batches at a time.

The stored spelling is upper-case DNA: U becomes T; white space and gaps (`-`) are removed and
counted. Letters that are not nucleotide codes become N and are counted as foreign, for the caller
to refuse; no row is dropped here. A `.` is foreign: in some alignments it is a gap, in others the
letter of the first row.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

AMBIGUOUS = "RYSWKMBDHV"  # IUPAC codes of two or three nucleotides
_SPACES, _GAPS = " \t\r\n\v\f", "-"
_SPACE, _GAP, _FOREIGN = 0, 1, 2


def _table() -> bytes:
    """Byte -> its spelling: an upper-case ACGTN, a lower-case ambiguous code, or a mark."""
    table = bytearray([_FOREIGN] * 256)
    for letter in "ACGTN":
        table[ord(letter)] = table[ord(letter.lower())] = ord(letter)
    table[ord("U")] = table[ord("u")] = ord("T")
    for letter in AMBIGUOUS:
        table[ord(letter)] = table[ord(letter.lower())] = ord(letter.lower())
    for letters, mark in ((_SPACES, _SPACE), (_GAPS, _GAP)):
        for letter in letters:
            table[ord(letter)] = mark
    return bytes(table)


_SPELLING = _table()
_TO_N = bytes(ord("N") if chr(i).upper() in AMBIGUOUS else i for i in range(256))


@dataclass(frozen=True)
class Normalised:
    """A column of sequences in the stored spelling, with counts of each row's letters (int64[n]).

    `letters` has ambiguous and foreign letters as N. The counts: `ambiguous` IUPAC codes, `foreign`
    letters (not nucleotide codes), `known` A, C, G and T, and the removed `spaces` and `gaps`.
    """

    letters: pa.Array
    ambiguous: np.ndarray
    foreign: np.ndarray
    known: np.ndarray
    spaces: np.ndarray
    gaps: np.ndarray


def normalise(column: pa.Array) -> Normalised:
    """Spell one column of a batch; nulls stay null."""
    data, offsets = flat(column)
    spelt = np.frombuffer(data.tobytes().translate(_SPELLING), np.uint8)
    nothing = np.zeros(len(column), np.int64)
    spaces = gaps = nothing
    if len(spelt) and spelt.min() < _FOREIGN:
        spaces, gaps = (_counts(spelt == mark, offsets) for mark in (_SPACE, _GAP))
        kept = spelt >= _FOREIGN
        offsets = _counts(kept, offsets, cumulative=True)
        spelt = spelt[kept]
    lengths = np.diff(offsets)
    foreign = ambiguous = nothing
    if len(spelt) and spelt.min() == _FOREIGN:
        foreign = _counts(spelt == _FOREIGN, offsets)
    if len(spelt) and spelt.max() >= ord("a"):
        ambiguous = _counts(spelt >= ord("a"), offsets)
        spelt = np.frombuffer(spelt.tobytes().translate(_TO_N), np.uint8)
    unknown = spelt == ord("N")
    known = lengths - foreign - (_counts(unknown, offsets) if unknown.any() else 0)
    if foreign.any():  # the mark is not a letter; the caller refuses or drops these rows
        spelt = np.where(spelt == _FOREIGN, ord("N"), spelt).astype(np.uint8)
    letters = strings(spelt, offsets, column)
    return Normalised(letters, ambiguous, foreign, known, spaces, gaps)


def first_foreign(sequence: str) -> str:
    """The first letter of a sequence that is not a nucleotide code."""
    return next(c for c in sequence if ord(c) > 255 or _SPELLING[ord(c)] == _FOREIGN)


def flat(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a string column (uint8) and its n + 1 row offsets (int64)."""
    _, offsets, data = column.buffers()
    if not len(column) or offsets is None:
        return np.zeros(0, np.uint8), np.zeros(len(column) + 1, np.int64)
    places = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    letters = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return letters[places[0] : places[-1]], places.astype(np.int64) - places[0]


def strings(letters: np.ndarray, offsets: np.ndarray, like: pa.Array | None = None) -> pa.Array:
    """A string column from its bytes and offsets, null where `like` is null."""
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(letters)]
    column = pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)
    if like is not None and like.null_count:
        import pyarrow.compute as pc

        return pc.if_else(like.is_valid(), column, pa.scalar(None, pa.string()))
    return column


def keys(*columns: pa.Array) -> np.ndarray:
    """A 64-bit hash of each row of `columns` (uint64[n]); nulls differ from empty texts.

    Equal rows have equal keys; among n rows the probability of a collision is about n^2 / 2^65.
    """
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    hashes = np.empty(len(columns[0]), np.uint64)
    for i, row in enumerate(rows):
        text = "\x1f".join("\x00" if value is None else str(value) for value in row)
        hashes[i] = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    return hashes


def sha256(column: pa.Array) -> list[str]:
    """The SHA-256 of every sequence, in hexadecimal: how the embedding store names its rows."""
    data, offsets = flat(column)
    view = memoryview(np.ascontiguousarray(data))
    return [
        hashlib.sha256(view[start:end]).hexdigest()
        for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    ]


def _counts(flags: np.ndarray, offsets: np.ndarray, cumulative: bool = False) -> np.ndarray:
    """How many flags are set in each row, or before the start of each row."""
    before = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])[offsets]
    return before if cumulative else np.diff(before)
