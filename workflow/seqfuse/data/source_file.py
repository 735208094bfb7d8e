"""A source file under an entry of the catalogue: the column of each field, every row checked."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from seqfuse import labels
from seqfuse.bio.reading.bad_rows import BadRows, Place
from seqfuse.bio.reading.readers import Reader
from seqfuse.bio.splits import SPLITS
from seqfuse.data import conversations
from seqfuse.data.download import Source
from seqfuse.errors import UserError, nearest, printable, quoted, several
from seqfuse.settings.datasets import FIELDS

_TARGET = {"classification": "label", "regression": "value", "pairs": "text"}
_ENDS = ("cds_start", "cds_end")
# What `float` takes, without underscores and with digits 0 to 9 alone.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_REJECT = "or leave such rows out with bad_rows: reject"


class _Bad(Exception):
    """A row that cannot be a record: what is wrong, the value that is, and what to do."""

    def __init__(self, what: str, example: object = None, fix: str = "correct it", hint: str = ""):
        super().__init__(what)
        self.what, self.example, self.fix = what, example, f"{fix}, {_REJECT}{hint}"


class SourceFile:
    """One source file under an entry: maps its columns to fields and checks every row."""

    def __init__(self, entry: dict, source: Source):
        self.entry, self.source = entry, source
        fields = tuple(entry.get("header_fields", ()))
        self.reader = Reader(source.file, fields, entry["header_separator"])
        self.available = self.reader.columns()
        self.columns = self._columns()
        self.split_column = self._split_column()
        self._refuse_near_misses()
        self.exchanges = self.columns.pop("exchanges", None)
        self.used = {*self.columns.values(), *entry["only"], self.exchanges, self.split_column}
        self.used -= {None}

    def records(self, numbers: Counter, bad: BadRows) -> Iterator[dict]:
        """The file's records; `numbers` counts the rows of each split over all files, for ids.

        A row that cannot be one goes to `bad`.
        """
        unit = self.reader.unit
        self.source.unread = [name for name in self.available if name not in self.used]
        for number, row in self.reader.numbered(sorted(self.used)):
            numbers[self.source.split] += 1
            try:
                record = self._record(row, numbers[self.source.split])
                yield record | {"file": self.source.path, "line": number}
            except conversations.LeftOut as reason:
                self.source.left_out[str(reason)] += 1
            except _Bad as fault:
                place = Place(str(self.source.file), number, self._id(row), unit)
                bad.add(place, fault.what, fault.fix, fault.example)

    def _id(self, row: dict) -> str | None:
        """The row's own id, for messages."""
        value = row.get(self.columns.get("id"))
        return None if value is None else str(value)

    def _record(self, row: dict, name: int) -> dict:
        self._select(row)
        if self.exchanges and "label" in self.columns:
            label = self.columns["label"]
            row = row | {label: conversations.only_one(row.get(label))}
        record = {field: self._text(row.get(c)) for field, c in self.columns.items()}
        if self.exchanges:
            self._converse(record, row.get(self.exchanges))
        split = self._split(row)
        record["split"] = split
        record["id"] = record.get("id") or f"{split or 'row'}-{name}"
        record["question"] = record.get("question") or self.entry.get("question")
        if record.get("label") is not None:
            record["label"] = self._label(record["label"])
        if record.get("value") is not None:
            record["value"] = self._number(record["value"])
        if "group_pattern" in self.entry:
            record["group"] = self._first_group("group_pattern", record["question"])
        if "text_pattern" in self.entry and record.get("text"):
            record["text"] = self._first_group("text_pattern", record["text"])
        if "anonymise" in self.entry:
            record["question"] = self._anonymous(record["question"])
        self._refuse_missing(record)
        self._cut(record)
        return record

    def _refuse_missing(self, record: dict) -> None:
        """Refuse a row without what its task needs, or with alleles in place of sequences."""
        needed = ["sequence", _TARGET[self.entry["task"]]]
        if "variant" in self.columns and not self.exchanges:
            needed.append("variant")
        for field in needed:
            if record.get(field) is None:
                raise _Bad(f"the {field} is missing", fix="fill it in or remove the row")
        if record.get("variant") and min(len(record["sequence"]), len(record["variant"])) == 1:
            raise _Bad(
                "sequence and variant are alleles ({})",
                f"{record['sequence']}>{record['variant']}",
                "give the window around the variant, with either allele in it",
            )

    def _cut(self, record: dict) -> None:
        """Cut the sequence to `cds_start`..`cds_end`, nucleotides counted from 1."""
        ends = [record.pop(field, None) for field in _ENDS]
        if ends == [None, None]:
            return
        if record.get("variant"):
            raise _Bad(
                "cds_start..cds_end of a sequence that has a variant",
                fix="give both sequences cut, because an indel moves the places of one of them",
            )
        sequence = "".join(record["sequence"].split())
        start = self._number(ends[0], "cds_start") if ends[0] else 1
        end = self._number(ends[1], "cds_end") if ends[1] else len(sequence)
        if not (start % 1 == end % 1 == 0 and 1 <= start <= end <= len(sequence)):
            raise _Bad(
                "cds_start..cds_end is {}, which is no part of its sequence",
                f"{start:g}..{end:g} of {len(sequence)} nt",
                "count nucleotides from 1, both ends included",
            )
        record["sequence"] = sequence[int(start) - 1 : int(end)]
        self.source.cut += len(record["sequence"]) < len(sequence)

    def _select(self, row: dict) -> None:
        """Leave out a row that is not among those that the entry asks for."""
        for column, values in self.entry["only"].items():
            text = self._text(row.get(column))
            if text not in values:
                raise conversations.LeftOut(f"{printable(column)} is {quoted(text)}")

    def _converse(self, record: dict, cell: object) -> None:
        """Question and answer of a conversation; a label of the row's own stands for the answer."""
        if record["sequence"] is None:
            raise conversations.LeftOut("no sequence")
        sequences = sum(record.get(field) is not None for field in ("sequence", "variant"))
        question, answer, more = conversations.first(cell, sequences)
        record["question"] = record.get("question") or question
        record["label"] = record.get("label") or answer
        self.source.later_turns += more

    def _columns(self) -> dict[str, str]:
        """Field -> column: as the entry says, or the column of the field's own name."""
        found = {}
        for column in self.entry["only"]:
            if column not in self.available:
                self._missing("only", column)
        for field in FIELDS:
            column = self.entry["columns"].get(field, field)
            if column in self.available:
                found[field] = column
            elif field in self.entry["columns"] and column is not None:
                self._missing(field, column)
        target = _TARGET[self.entry["task"]]
        answered = "exchanges" in found and target == "label"
        for field in ("sequence", *([] if answered else [target])):
            if field not in found:
                self._missing(field, field)
        asked = "question" in found or "question" in self.entry or answered
        if self.entry["study"] == "language" and not asked:
            raise UserError(
                f"{self.source.file}: no question; name its column (columns: {{question: ...}}) or "
                "write one for all rows (question: ...) in the dataset's entry"
            )
        return found

    def _missing(self, field: str, column: str) -> None:
        where = field if field not in FIELDS else f"columns: {{{field}: ...}}"
        if any(_NUMBER.fullmatch(name.strip()) for name in self.available):
            raise UserError(
                f"{self.source.file}: row 1 has no column {quoted(column)} and looks like data"
                f" ({several(self.available, 60)}); write a line of column names above it"
            )
        raise UserError(
            f"{self.source.file}: there is no column {quoted(column)}"
            f"{nearest(column, self.available, most=60)}; name the right one with {where} in the"
            " dataset's entry"
        )

    def _refuse_near_misses(self) -> None:
        """Stop at a column that is called like a field but for case, blanks or `_`."""
        named = {*self.columns.values(), self.split_column, *self.entry["only"]}
        others = {*_TARGET.values()} - {_TARGET[self.entry["task"]]}
        fields = {_plain(field): field for field in ("split", *FIELDS) if field not in others}
        for column in self.available:
            field = fields.get(_plain(column))
            if field is None or column in named or field in self.columns:
                continue
            if field == "split":
                if self.split_column or self.source.split:
                    continue
                key = f"split_column: {printable(column[:40])}"
                other = f"{key}, or rename the column"
            elif field in self.entry["columns"]:
                continue  # null leaves it out
            else:
                key = f"columns: {{{field}: {printable(column[:40])}}}"
                other = f"{key}, or {{{field}: null}} to leave it out"
            raise UserError(
                f"{self.source.file}: the column {quoted(column)} is read only if it is named:"
                f" write {other}, in the dataset's entry"
            )

    def _split_column(self) -> str | None:
        if self.source.split:
            return None
        named = self.entry.get("split_column")
        if named and named not in self.available:
            self._missing("split_column", named)
        return named or ("split" if "split" in self.available else None)

    def _split(self, row: dict) -> str | None:
        if not self.split_column:
            return self.source.split
        word = (self._text(row.get(self.split_column)) or "").strip()
        split = self.entry["splits"].get(word, word)
        if split not in SPLITS:
            if not word:
                fix = 'fill it in, say what it is with splits: {"": train} in the dataset\'s entry'
                raise _Bad("the split is empty", fix=fix)
            fix = f"say what it is with splits: {{{printable(word[:40])}: ...}} in the entry"
            raise _Bad("the split {} is none of train, val, test", word, fix)
        return split

    def _label(self, text: str) -> str:
        known = self.entry["labels"]
        if known and text not in known:
            raise _Bad(
                "the label {} is not among `labels`", text, hint=nearest(text, known, most=60)
            )
        label = known.get(text, text)
        if not labels.normalise(label):
            raise _Bad("the label {} is nothing but punctuation", text, "write a word")
        return label

    def _number(self, text: str, what: str = "value") -> float:
        value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
        if not math.isfinite(value):
            raise _Bad(f"the {what} {{}} is not a number", text, "correct it or remove the row")
        return value

    def _first_group(self, key: str, text: str | None) -> str:
        found = re.search(self.entry[key], text or "")
        if not found:
            what = {"group_pattern": "question", "text_pattern": "text"}[key]
            raise _Bad(f"{key} does not match the {what}", fix="widen the pattern")
        return found.group(1)

    def _anonymous(self, question: str | None) -> str:
        question = question or ""
        for pattern, replacement in self.entry["anonymise"].items():
            question, times = re.subn(pattern, replacement, question)
            if not times:
                raise _Bad(
                    f"anonymise: {quoted(pattern)} does not match the question",
                    fix="widen the pattern",
                )
        return question

    def _text(self, value: object) -> str | None:
        """A cell as text; whole floats lose their `.0`, which a missing cell gives to integers."""
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, dict | list | bytes):
            fix = "write one text or number"
            raise _Bad(f"a cell holds {type(value).__name__} and not one text or number", fix=fix)
        text = str(value)
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise _Bad("a cell holds half a character ({})", text, "write whole characters")
        return text


def _plain(name: str) -> str:
    """A column's name without case, blanks, `_` and `-`."""
    return re.sub(r"[\s_-]", "", name).casefold()
