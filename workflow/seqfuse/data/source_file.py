"""A source file under an entry of the catalogue: the column of each field, every row checked."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from seqfuse.bio.readers import Reader
from seqfuse.bio.splits import SPLITS
from seqfuse.data import conversations
from seqfuse.data.download import Source
from seqfuse.errors import UserError, nearest
from seqfuse.settings.datasets import FIELDS

_TARGET = {"classification": "label", "regression": "value", "pairs": "text"}


class SourceFile:
    """One source file under an entry: maps its columns to fields and checks every row."""

    def __init__(self, entry: dict, source: Source):
        self.entry, self.source = entry, source
        fields = tuple(entry.get("header_fields", ()))
        self.reader = Reader(source.file, fields, entry["header_separator"])
        self.available = self.reader.columns()
        self.columns = self._columns()
        self.exchanges = self.columns.pop("exchanges", None)
        self.split_column = self._split_column()

    def records(self, numbers: Counter) -> Iterator[dict]:
        """The file's records; `numbers` counts the rows of each split over all files, for ids."""
        wanted = {*self.columns.values(), *self.entry["only"], self.exchanges, self.split_column}
        for number, row in enumerate(self.reader.rows(sorted(wanted - {None})), start=1):
            numbers[self.source.split] += 1
            try:
                yield self._record(row, number, numbers[self.source.split])
            except conversations.LeftOut as reason:
                self.source.left_out[str(reason)] += 1

    def _record(self, row: dict, number: int, name: int) -> dict:
        self._select(row, number)
        if self.exchanges and "label" in self.columns:
            label = self.columns["label"]
            row = row | {label: conversations.only_one(row.get(label))}
        record = {field: self._text(row.get(c), number) for field, c in self.columns.items()}
        if self.exchanges:
            self._converse(record, row.get(self.exchanges))
        split = self._split(row, number)
        record["split"] = split
        record["id"] = record.get("id") or f"{split or 'row'}-{name}"
        record["question"] = record.get("question") or self.entry.get("question")
        if record.get("label") is not None:
            record["label"] = self._label(record["label"], number)
        if record.get("value") is not None:
            record["value"] = self._number(record["value"], number)
        if "group_pattern" in self.entry:
            record["group"] = self._first_group("group_pattern", record["question"], number)
        if "text_pattern" in self.entry and record.get("text"):
            record["text"] = self._first_group("text_pattern", record["text"], number)
        if "anonymise" in self.entry:
            record["question"] = self._anonymous(record["question"], number)
        for field in ("sequence", _TARGET[self.entry["task"]]):
            if record.get(field) is None:
                self._stop(number, f"the {field} is missing; fill it in or remove the row")
        return record

    def _select(self, row: dict, number: int) -> None:
        """Leave out a row that is not among those that the entry asks for."""
        for column, values in self.entry["only"].items():
            text = self._text(row.get(column), number)
            if text not in values:
                raise conversations.LeftOut(f"{column} is {text!r}")

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
        raise UserError(
            f"{self.source.file}: there is no column {column!r}{nearest(column, self.available)}; "
            f"name the right one with {where} in the dataset's entry"
        )

    def _split_column(self) -> str | None:
        if self.source.split:
            return None
        named = self.entry.get("split_column")
        if named and named not in self.available:
            self._missing("split_column", named)
        return named or ("split" if "split" in self.available else None)

    def _split(self, row: dict, number: int) -> str | None:
        if not self.split_column:
            return self.source.split
        word = self._text(row.get(self.split_column), number)
        split = self.entry["splits"].get(word, word)
        if split not in SPLITS:
            self._stop(
                number,
                f"the split {word!r} is none of train, val, test; say what it is with "
                f"splits: {{{word}: ...}} in the dataset's entry",
            )
        return split

    def _label(self, text: str, number: int) -> str:
        labels = self.entry["labels"]
        if labels and text not in labels:
            self._stop(number, f"the label {text!r} is not among `labels`{nearest(text, labels)}")
        return labels.get(text, text)

    def _number(self, text: str, number: int) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self._stop(number, f"the value {text!r} is not a number; correct it or remove the row")
        return value

    def _first_group(self, key: str, text: str | None, number: int) -> str:
        found = re.search(self.entry[key], text or "")
        if not found:
            what = {"group_pattern": "question", "text_pattern": "text"}[key]
            self._stop(number, f"{key} does not match the {what}; widen the pattern")
        return found.group(1)

    def _anonymous(self, question: str | None, number: int) -> str:
        question = question or ""
        for pattern, replacement in self.entry["anonymise"].items():
            question, times = re.subn(pattern, replacement, question)
            if not times:
                self._stop(
                    number, f"anonymise: {pattern!r} does not match the question; widen the pattern"
                )
        return question

    def _text(self, value: object, number: int) -> str | None:
        """A cell as text; whole floats lose their `.0`, which a missing cell gives to integers."""
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, dict | list | bytes):
            self._stop(number, f"a cell holds {type(value).__name__} and not one text or number")
        return str(value)

    def _stop(self, number: int, message: str) -> None:
        raise UserError(f"{self.source.file}: row {number}: {message}")
