"""From the rows of a source to the table of records: what each field is taken from."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse import tables
from seqfuse.bio.normalise import keys, normalise
from seqfuse.bio.readers import Reader
from seqfuse.bio.splits import SPLITS, assign
from seqfuse.data import conversations, synthetic
from seqfuse.data.download import Source
from seqfuse.errors import UserError, nearest
from seqfuse.files import atomic
from seqfuse.settings.datasets import FIELDS

_BATCH = 512
# Shares of the splits that are made where the files give none, or no val.
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
VAL_SHARES = {"train": 0.9, "val": 0.1}
_TARGET = {"classification": "label", "regression": "value", "pairs": "text"}


def demo(entry: dict) -> Iterator[pa.RecordBatch]:
    """The records of a demo set."""
    rows = synthetic.rows(entry["generator"], entry["seed"])
    for row in rows:
        if "label" in row:
            row["label"] = entry["labels"].get(row["label"], row["label"])
        row.setdefault("question", entry.get("question"))
    yield pa.RecordBatch.from_pylist(rows, schema=tables.RECORDS)


def read(entry: dict, sources: list[Source]) -> Iterator[pa.RecordBatch]:
    """The records of source files.

    Without any split, rows are split by `SHARES`; with train but no val, val is a tenth of train.
    Rows of equal DNA stay together; `seed` of the entry decides which go where.
    """
    given = {source.split for source in sources}
    made = None if given >= {"train", "val"} else _missing_splits(entry, sources)
    row = 0
    for batch in _batches(entry, sources):
        if made is not None:
            column = pa.array(made[row : row + len(batch)], pa.string())
            batch = batch.set_column(1, tables.RECORDS.field("split"), column)
        yield batch.cast(tables.RECORDS)
        row += len(batch)


def _missing_splits(entry: dict, sources: list[Source]) -> np.ndarray | None:
    """The split of every row, where the files do not give train and val; None where they do."""
    given, found = [], []
    for batch in _batches(entry, sources):
        given.append(np.array(batch["split"].to_pylist(), dtype=object))
        found.append(keys(*(normalise(batch[n]).letters for n in ("sequence", "variant"))))
    if not given:
        return None
    split, contents = np.concatenate(given), np.concatenate(found)
    names = set(split)
    if "val" in names or not names & {"train", None}:
        return None
    rows = np.isin(split.astype(str), ["train", "None"])
    shares = VAL_SHARES if "test" in names else SHARES
    split[rows] = assign(contents[rows], shares, entry["seed"])
    return split


def _batches(entry: dict, sources: list[Source]) -> Iterator[pa.RecordBatch]:
    """Records with the split that the files give, null where they give none."""
    schema = pa.schema([field.with_nullable(True) for field in tables.RECORDS])
    numbers: Counter = Counter()
    for source in sources:
        rows, source.rows, source.later_turns = [], 0, 0
        source.left_out.clear()
        for record in _File(entry, source).records(numbers):
            rows.append(record)
            source.rows += 1
            if len(rows) == _BATCH:
                yield pa.RecordBatch.from_pylist(rows, schema=schema)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=schema)


class _File:
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
            record["group"] = self._group(record["question"], number)
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

    def _group(self, question: str | None, number: int) -> str:
        found = re.search(self.entry["group_pattern"], question or "")
        if not found:
            self._stop(number, "group_pattern does not match the question; widen the pattern")
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


def write(path: str | Path, batches: Iterable[pa.RecordBatch], sources: list[Source]) -> dict:
    """Write records batch by batch; what was written, by split and label, for the card."""
    rows, labels, present, seen = Counter(), {}, set(), []
    with atomic(path) as temporary:
        with pq.ParquetWriter(temporary, tables.RECORDS, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                splits = batch["split"].to_pylist()
                rows.update(splits)
                for split, label in zip(splits, batch["label"].to_pylist(), strict=True):
                    if label is not None:
                        labels.setdefault(split, Counter())[label] += 1
                present |= {n for n in batch.schema.names if batch[n].null_count < len(batch)}
                seen.append(keys(batch["id"]))
        if not rows:
            names = ", ".join(str(source.file) for source in sources)
            for reason, times in left_out(sources).most_common(1):
                raise UserError(f"{names}: no row is left; most often ({times} rows), {reason}")
            raise UserError(f"{names}: there is no row; give a file with records")
        _check_unique(temporary, np.concatenate(seen), sources)
    return {"rows": rows, "labels": labels, "columns": present}


def card(name: str, entry: dict, sources: list[Source], counts: dict) -> dict:
    """What was read of a dataset and from where; no timestamps, so that equal inputs agree."""
    return {
        "name": name,
        **{key: entry[key] for key in ("source", "study", "task")},
        "files": [source.card() for source in sources],
        "columns": [name for name in tables.RECORDS.names if name in counts["columns"]],
        "rows": dict(counts["rows"]),
        "labels": {split: dict(found) for split, found in counts["labels"].items()},
        "left_out": dict(left_out(sources).most_common()),
        "later_turns_left_out": sum(source.later_turns for source in sources),
    }


def left_out(sources: list[Source]) -> Counter:
    """The rows that became no record, by reason; with the records they are all that were read."""
    return sum((source.left_out for source in sources), Counter())


def _check_unique(path: Path, found: np.ndarray, sources: list[Source]) -> None:
    """Ids must not repeat; the message needs the text, so the file is read again for it."""
    order = np.argsort(found, kind="stable")
    repeats = order[1:][found[order][1:] == found[order][:-1]]
    if len(repeats):
        row = int(repeats.min())
        name = pq.read_table(path, columns=["id"])["id"][row].as_py()
        raise UserError(
            f"{_place(sources, row)}: the id {name!r} occurs twice; make ids unique, or number the "
            "rows with columns: {id: null} in the dataset's entry"
        )


def _place(sources: list[Source], row: int) -> str:
    """The file and the row in it (from 1) that record number `row` (from 0) was read from."""
    for source in sources:
        if row < source.rows:
            return f"{source.file}: {'kept ' if source.left_out else ''}row {row + 1}"
        row -= source.rows
    raise AssertionError(f"{row} records too many")
