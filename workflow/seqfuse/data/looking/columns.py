"""What a column of a user's file looks like, from its cells: a sequence, a label, a number."""

import re
from collections import Counter
from dataclasses import dataclass, field

from seqfuse.bio.reading import cells
from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.bio.splits import SPLITS

DNA, CODING, PROTEIN = "DNA", "coding", "protein"
NUMBER, LABEL, SPLIT, ID, TEXT, EMPTY, CHAT = (
    *("number", "label", "split", "id"),
    *("text", "empty", "conversation"),
)
SEQUENCES = (DNA, CODING)
# Other names of splits.
CALLED = {"validation": "val", "valid": "val", "dev": "val", "eval": "val", "training": "train"}
_NUCLEOTIDES = b"ACGTUNRYKMSWBDHV-acgtunrykmswbdhv"
_SHORTEST = 6  # nucleotides that are no word
_RESIDUES = re.compile(r"[ACDEFGHIKLMNPQRSTVWYX]{9,}\*?", re.IGNORECASE)
_STARTS, _STOPS = ("ATG", "GTG", "TTG", "CTG"), ("TAA", "TAG", "TGA")
# A column is what so large a share of its filled cells is; labels are at most so many.
_MOST, _LABELS = 0.9, 50
# Distinct values that are kept of a column, and letters of one that tell it from others.
_KEPT, _WHOLE = 10_000, 80


@dataclass
class Column:
    """A column, cell by cell; nothing of it grows with the rows but a bounded set of values."""

    name: str
    filled: int = 0
    empty: int = 0
    first_empty: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    coding: int = 0
    uracil: int = 0
    shortest: int = 0
    longest: int = 0
    least: float = 0.0
    largest: float = 0.0

    def add(self, line: int, value: object) -> None:
        """One cell, of the row in `line`."""
        if isinstance(value, dict | list):
            self.filled += 1
            self.kinds[CHAT] += 1
            return
        try:
            text = cells.text(value)
        except BadRow:
            text = None
        if text is None or not text.strip():
            self.empty += 1
            self.first_empty = self.first_empty or line
            return
        self.shortest = min(self.shortest, len(text)) if self.filled else len(text)
        self.longest = max(self.longest, len(text))
        self.filled += 1
        self.kinds[self._kind(text)] += 1
        if len(text) > _WHOLE:  # a sequence of megabytes is a cell, too
            text = f"{text[:_WHOLE]}… {hash(text)}"
        if len(self.values) < _KEPT or text in self.values:
            self.values[text] += 1

    def _kind(self, text: str) -> str:
        if cells.looks_like_number(text):
            number = float(text)
            known = self.kinds[NUMBER]
            self.least = min(self.least, number) if known else number
            self.largest = max(self.largest, number) if known else number
            return NUMBER
        solid = cells.only_letters(text, _NUCLEOTIDES)
        letters = text if solid else "".join(text.split())
        if len(letters) >= _SHORTEST and (solid or cells.only_letters(letters, _NUCLEOTIDES)):
            start, end = (part.upper().replace("U", "T") for part in (letters[:3], letters[-3:]))
            self.uracil += "U" in letters or "u" in letters
            self.coding += len(letters) % 3 == 0 and start in _STARTS and end in _STOPS
            return DNA
        return PROTEIN if _RESIDUES.fullmatch(letters) else TEXT

    @property
    def distinct(self) -> int:
        """Different values, as far as they are counted."""
        return len(self.values)

    @property
    def looks_like(self) -> str:
        """What most of its cells are."""
        if not self.filled:
            return EMPTY
        kind, count = self.kinds.most_common(1)[0]
        if count < _MOST * self.filled:
            kind = TEXT
        few = self.distinct <= min(_LABELS, self.filled / 2)
        if kind == DNA:
            return CODING if self.coding >= _MOST * self.filled else DNA
        if kind == NUMBER and self.name.casefold() in ("id", "index", "row"):
            return ID
        if kind == NUMBER:
            whole = self.least % 1 == self.largest % 1 == 0
            return LABEL if few and whole and self.distinct <= len("0123456789") else NUMBER
        if kind != TEXT:
            return kind
        if {value.casefold() for value in self.values} <= {*SPLITS, *CALLED}:
            return SPLIT
        if few:
            return LABEL
        one_word = not any(" " in value for value in self.values)
        return ID if one_word and self.distinct == self.filled else TEXT

    def described(self) -> str:
        """What it looks like, in words, with its range or its values."""
        kind = self.looks_like
        if kind in SEQUENCES:
            letters = "RNA" if self.uracil > self.filled / 2 else "DNA"
            coding = "coding " if kind == CODING else ""
            return f"{coding}{letters}, {self._lengths} nt"
        if kind == PROTEIN:
            return f"protein, {self._lengths} residues"
        if kind == NUMBER:
            one = self.least == self.largest
            return (
                f"number, always {self.least:g}"
                if one
                else (f"number, {self.least:g} to {self.largest:g}")
            )
        if kind in (LABEL, SPLIT):
            shown = [f"{value[:20]} {count:,}" for value, count in self.values.most_common(4)]
            more = f" and {self.distinct - 4} more" if self.distinct > 4 else ""
            return f"{kind}: {', '.join(shown)}{more}"
        return kind

    @property
    def _lengths(self) -> str:
        if self.shortest == self.longest:
            return f"{self.longest:,}"
        return f"{self.shortest:,} to {self.longest:,}"
