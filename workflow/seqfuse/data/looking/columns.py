"""What a column of a user's file looks like, judged by its cells: a sequence, a label, a number."""

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
# Cells that were meant to be a number ("n/a", "12 kg", "<0.1"), or DNA with foreign letters.
ALMOST_NUMBER, ALMOST_DNA = "almost a number", "almost DNA"
# Letters of nucleotides, but so few that they may be a word: text, unless the others are sequences.
SHORT = "short"
# Other names of splits.
CALLED = {"validation": "val", "valid": "val", "dev": "val", "eval": "val", "training": "train"}
_NUCLEOTIDES = b"ACGTUNRYKMSWBDHV-acgtunrykmswbdhv"
_PLAIN = b"ACGTUacgtu- \t"  # the unambiguous ones among them, gaps and blanks
_SHORTEST = 6  # nucleotides; shorter ones may be words
_ALMOST_NUMBER = re.compile(
    r"n\W?[ad]\W?|nan|null|none|missing|unknown|[+-]?inf(inity)?|[-?.]+"
    r"|[<>=~\u2248\u2264\u2265+-]*\s*\d[\d.,]*(\s*(\u00b1|\+/-)\s*[\d.,]+)?\s*[^\d\s]{0,8}",
    re.IGNORECASE,
)
# The minimum share of A, C, G, T, U and N in almost DNA; in proteins it is about a third.
_ALMOST_DNA = 0.8
_RESIDUES = re.compile(r"[ACDEFGHIKLMNPQRSTVWYX]{9,}\*?", re.IGNORECASE)
_STARTS, _STOPS = ("ATG", "GTG", "TTG", "CTG"), ("TAA", "TAG", "TGA")
# A column is of the kind of at least this share of its filled cells; it has at most so many labels.
_MOST, _LABELS = 0.9, 50
# The distinct values kept for a column, and the letters kept of each.
_KEPT, _WHOLE = 10_000, 80
# How many cells of another kind than the column are shown, and how many letters of each.
_SHOWN, _LETTERS = 3, 20


@dataclass
class Column:
    """A column, collected cell by cell in bounded memory."""

    name: str
    filled: int = 0
    empty: int = 0
    first_empty: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    # Kind -> (line, cell) of its first cells.
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    # Ambiguous code -> how many sequences have it, and the line of the first.
    ambiguous: dict[str, tuple[int, int]] = field(default_factory=dict)
    coding: int = 0
    uracil: int = 0
    shortest: int = 0
    longest: int = 0
    least: float = 0.0
    largest: float = 0.0

    def add(self, line: int, value: object) -> None:
        """Take one cell, from the row in `line`."""
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
        kind = self._kind(line, text)
        self.kinds[kind] += 1
        if len(examples := self.examples.setdefault(kind, [])) < _SHOWN:
            examples.append((line, _odd_letter(text) if kind == ALMOST_DNA else _quoted(text)))
        if len(text) > _WHOLE:  # a cell may hold megabytes of sequence
            text = f"{text[:_WHOLE]}… {hash(text)}"
        if len(self.values) < _KEPT or text in self.values:
            self.values[text] += 1

    def _kind(self, line: int, text: str) -> str:
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
            for code in sorted({*letters.upper().encode().translate(None, _PLAIN).decode()}):
                count, first = self.ambiguous.get(code, (0, line))
                self.ambiguous[code] = count + 1, first
            return DNA
        plain = sum(map(letters.upper().count, "ACGTUN"))
        if len(letters) >= _SHORTEST and plain >= _ALMOST_DNA * len(letters):
            return ALMOST_DNA
        if _RESIDUES.fullmatch(letters):
            return PROTEIN
        if _ALMOST_NUMBER.fullmatch(text.strip()):
            return ALMOST_NUMBER
        return SHORT if cells.only_letters(letters, _NUCLEOTIDES) else TEXT

    @property
    def distinct(self) -> int:
        """The number of distinct values that were counted."""
        return len(self.values)

    @property
    def looks_like(self) -> str:
        """The kind of column, by what most of its cells are."""
        if not self.filled:
            return EMPTY
        kind = self._most_frequent_kind()
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

    def _most_frequent_kind(self) -> str:
        """Cells that were meant to be of a kind count with it, if most of these are of it."""
        for kind, almost in ((NUMBER, ALMOST_NUMBER), (DNA, ALMOST_DNA)):
            meant = self.kinds[kind] + self.kinds[almost]
            if meant >= _MOST * self.filled and self.kinds[kind] >= meant / 2:
                return kind
        kinds = self.kinds + Counter({TEXT: self.kinds[SHORT]})
        del kinds[SHORT]
        kind, count = kinds.most_common(1)[0]
        is_clear = count >= _MOST * self.filled and kind not in (ALMOST_NUMBER, ALMOST_DNA)
        return kind if is_clear else TEXT

    @property
    def misfits(self) -> tuple[int, list[tuple[int, str]]]:
        """Of numbers and sequences, the cells that are none: how many, and (line, cell) of some."""
        kind = DNA if self.looks_like in SEQUENCES else self.looks_like
        if kind not in (DNA, NUMBER):
            return 0, []
        alike = (kind, SHORT) if kind == DNA else (kind,)
        others = [other for other in self.examples if other not in alike]
        odd = sorted(cell for other in others for cell in self.examples[other])
        return sum(self.kinds[other] for other in others), odd[:_SHOWN]

    def described(self) -> str:
        """The kind of column in words, with its range or its values."""
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


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}...")


def _odd_letter(text: str) -> str:
    """The first letter of a sequence that is not a nucleotide code, and its position from 1."""
    position, letter = next(
        (place, letter)
        for place, letter in enumerate(text, 1)
        if not (letter.isspace() or cells.only_letters(letter, _NUCLEOTIDES))
    )
    return f"{letter!r} at position {position:,}"
