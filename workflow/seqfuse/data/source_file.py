"""A source file of a catalogue entry: maps its columns to fields and checks every row."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from seqfuse import labels
from seqfuse.bio.reading import cells
from seqfuse.bio.reading.bad_rows import BadRow, BadRows, Place
from seqfuse.bio.reading.joined import Joined, Table
from seqfuse.bio.reading.readers import Reader
from seqfuse.bio.splits import SPLITS
from seqfuse.data import conversations
from seqfuse.data.fetching.sources import Source
from seqfuse.errors import UserError, nearest, printable, quoted, several
from seqfuse.settings.advice import PASTED, in_yaml
from seqfuse.settings.datasets import FIELDS, joined_on

_TARGET = {"classification": "label", "regression": "value", "pairs": "text"}
_PADDED = "variants lose their trailing N"
_MATCHED = {"group_pattern": "question", "text_pattern": "text", "label_pattern": "label"}


class SourceFile:
    """One source file of an entry, read as records."""

    def __init__(
        self,
        entry: dict,
        source: Source,
        genome: Path | None = None,
        table: Table | None = None,
        bad: BadRows | None = None,
    ):
        self.entry, self.source = entry, source
        self.bad = BadRows() if bad is None else bad
        fields, separator = tuple(entry.get("header_fields", ())), entry["header_separator"]
        window, strand = entry["window"], entry["strand"]
        self.reader = Reader(source.file, fields, separator, genome, window, strand)
        source.noted = self.reader.noted
        if table is not None:
            self.reader = Joined(self.reader, joined_on(entry)[0], table, self.bad)
        self.available = self.reader.columns()
        self.columns = self._columns()
        self.split_column = self._split_column()
        self._refuse_near_misses()
        self.exchanges = self.columns.pop("exchanges", None)
        self.used = {*self.columns.values(), *entry["only"], self.exchanges, self.split_column}
        self.used |= {joined_on(entry)[0]} if table is not None else set()
        self.used -= {None}

    def records(self, numbers: Counter) -> Iterator[dict]:
        """The file's records; `numbers` counts the rows of each split over all files, for ids.

        Rows that cannot be records are added to `bad`, or counted in the source's `left_out`.
        """
        unit = self.reader.unit
        self.source.unread = [name for name in self.available if name not in self.used]
        for number, row in self.reader.each(sorted(self.used)):
            numbers[self.source.split] += 1
            try:
                if isinstance(row, BadRow):
                    raise row
                record = self._record(row, numbers[self.source.split])
                yield record | {"file": self.source.path, "line": number}
            except conversations.LeftOut as reason:
                self.source.left_out[str(reason)] += 1
            except BadRow as fault:
                id = fault.id if fault is row else self._id(row)
                self.bad.add(Place(str(self.source.file), number, id, unit), fault)

    def _id(self, row: dict) -> str | None:
        """The row's own id, for messages."""
        value = row.get(self.columns.get("id"))
        return None if value is None else str(value)

    def _record(self, row: dict, name: int) -> dict:
        self._select(row)
        if self.exchanges and "label" in self.columns:
            label = self.columns["label"]
            row = row | {label: conversations.only_one(row.get(label))}
        record = {field: cells.text(row.get(c)) for field, c in self.columns.items()}
        if self.exchanges:
            self._converse(record, row.get(self.exchanges))
        split = self._split(row)
        record["split"] = split
        record["id"] = record.get("id") or f"{split or 'row'}-{name}"
        record["question"] = record.get("question") or self.entry.get("question")
        if record.get("label") is not None:
            if "label_pattern" in self.entry:
                record["label"] = self._first_group("label_pattern", record["label"])
            record["label"] = self._label(record["label"])
        if record.get("value") is not None:
            record["value"] = cells.number(record["value"], "value")
        if record.get("transl_table") is not None:
            record["transl_table"] = cells.whole_number(record["transl_table"], "transl_table")
        if "group_pattern" in self.entry:
            record["group"] = self._first_group("group_pattern", record["question"])
        if "text_pattern" in self.entry and record.get("text"):
            record["text"] = self._first_group("text_pattern", record["text"])
        if "anonymise" in self.entry:
            record["question"] = self._anonymous(record["question"])
        self._refuse_missing(record)
        self._cut(record)
        if self.entry["padded"]:
            self._unpad(record)
        return record

    def _unpad(self, record: dict) -> None:
        """Remove the variant's trailing N, which pad it for what a deletion removed."""
        whole = record["variant"].rstrip()
        record["variant"] = whole.rstrip("Nn")
        if not record["variant"]:
            raise BadRow("the variant is all N", fix="remove the row")
        self.source.noted[_PADDED] += record["variant"] != whole

    def _refuse_missing(self, record: dict) -> None:
        """Refuse a row that lacks a field its task needs, or has alleles instead of sequences."""
        needed = ["sequence", _TARGET[self.entry["task"]]]
        if "variant" in self.columns and not self.exchanges:
            needed.append("variant")
        for field in needed:
            if record.get(field) is None:
                raise BadRow(f"the {field} is missing", fix="fill it in or remove the row")
        if record.get("variant") and min(len(record["sequence"]), len(record["variant"])) == 1:
            raise BadRow(
                "sequence and variant are alleles ({})",
                f"{record['sequence']}>{record['variant']}",
                "give the window around the variant twice, with either allele",
            )

    def _cut(self, record: dict) -> None:
        """Cut the sequence to `cds_start`..`cds_end`, nucleotides counted from 1."""
        ends = [record.pop(field, None) for field in cells.ENDS]
        if ends == [None, None]:
            return
        if record.get("variant"):
            raise BadRow(
                "cds_start..cds_end for a sequence that has a variant",
                fix="cut both sequences beforehand, because an indel shifts one of them",
            )
        whole = record["sequence"]
        record["sequence"] = cells.coding_part(whole, *ends)
        self.source.cut += len(record["sequence"]) < len("".join(whole.split()))

    def _select(self, row: dict) -> None:
        """Leave out a row that the entry's `only` excludes."""
        for column, values in self.entry["only"].items():
            text = cells.text(row.get(column))
            if text not in values:
                raise conversations.LeftOut(f"{printable(column)} is {quoted(text)}")

    def _converse(self, record: dict, cell: object) -> None:
        """Take question and answer from a conversation; the row's own label replaces the answer."""
        if record["sequence"] is None:
            raise conversations.LeftOut("no sequence")
        sequences = sum(record.get(field) is not None for field in ("sequence", "variant"))
        question, answer, more = conversations.first(cell, sequences)
        record["question"] = record.get("question") or question
        record["label"] = record.get("label") or answer
        self.source.later_turns += more

    def _columns(self) -> dict[str, str]:
        """Field -> column: as the entry says, or the column with the field's own name."""
        column_of = {}
        for column in self.entry["only"]:
            if column not in self.available:
                self._missing("only", column)
        for field in FIELDS:
            column = self.entry["columns"].get(field, field)
            if column in self.available:
                column_of[field] = column
            elif field in self.entry["columns"] and column is not None:
                self._missing(field, column)
        target = _TARGET[self.entry["task"]]
        answered = "exchanges" in column_of and target == "label"
        for field in ("sequence", *([] if answered else [target])):
            if field not in column_of:
                self._missing(field, field)
        asked = "question" in column_of or "question" in self.entry or answered
        if self.entry["study"] == "language" and not asked:
            raise UserError(
                f"{self.source.file}: no question; name its column (columns: {{question: ...}}) or "
                "write one for all rows (question: ...) in the dataset's entry"
            )
        return column_of

    def _missing(self, field: str, column: str) -> None:
        where = in_yaml({"columns": {field: "COLUMN"}}) if field in FIELDS else field
        if any(map(cells.looks_like_number, self.available)):
            raise UserError(
                f"{self.source.file}: row 1 has no column {quoted(column)} and looks like data"
                f" ({several(self.available, 60)}); write a line of column names above it"
            )
        of_vcf = self.entry["source"] == "vcf"
        info = " (the header declares INFO fields by ##INFO=<ID=...>)" if of_vcf else ""
        raise UserError(
            f"{self.source.file}: no column {quoted(column)}{info}"
            f"{nearest(column, self.available, most=60)}; name the right one with {where} in the"
            " dataset's entry"
        )

    def _refuse_near_misses(self) -> None:
        """Raise `UserError` at a column named like a field except for case, blanks, `_` or `-`."""
        named = {*self.columns.values(), self.split_column, *self.entry["only"]}
        others = {*_TARGET.values()} - {_TARGET[self.entry["task"]]}
        fields = [field for field in ("split", *FIELDS) if field not in others]
        for column, field in cells.near_misses(self.available, fields):
            if column in named or field in self.columns:
                continue
            if field == "split":
                if self.split_column or self.source.split:
                    continue
                key, other = in_yaml({"split_column": column}), "rename the column"
            elif field in self.entry["columns"]:
                continue  # null leaves it out
            else:
                key = in_yaml({"columns": {field: column}})
                other = f"{in_yaml({'columns': {field: None}})} to leave it out"
            raise UserError(
                f"{self.source.file}: the column {quoted(column)} looks like {field} but is read"
                f" only if named: write {key}, or {other}, in the dataset's entry"
                if len(key) < PASTED
                else f"{self.source.file}: the column {quoted(column)} looks like {field};"
                " rename it"
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
        word = (cells.text(row.get(self.split_column)) or "").strip()
        split = self.entry["splits"].get(word, word)
        if split not in SPLITS:
            if not word:
                fix = f"fill it in, say what it is with {in_yaml({'splits': {'': 'train'}})} in the"
                raise BadRow("the split is empty", fix=f"{fix} dataset's entry")
            key = in_yaml({"splits": {word: "train"}})
            fix = (
                f"say what it is, as in {key}, in the entry" if len(key) < PASTED else "correct it"
            )
            raise BadRow("the split {} is not train, val or test", word, fix)
        return split

    def _label(self, text: str) -> str:
        known = self.entry["labels"]
        if known and text not in known:
            raise BadRow(
                "the label {} is not among `labels`", text, hint=nearest(text, known, most=60)
            )
        label = known.get(text, text)
        if not labels.normalise(label):
            raise BadRow("the label {} is only punctuation", text, "write a word")
        return label

    def _first_group(self, key: str, text: str | None) -> str:
        match = re.search(self.entry[key], text or "")
        if not match:
            fix = "widen the pattern, or correct the row"
            raise BadRow(f"{key} does not match the {_MATCHED[key]} {{}}", text or "", fix)
        return next(group for group in match.groups() if group is not None)

    def _anonymous(self, question: str | None) -> str:
        question = question or ""
        for pattern, replacement in self.entry["anonymise"].items():
            question, times = re.subn(pattern, replacement, question)
            if not times:
                raise BadRow(
                    f"anonymise: {quoted(pattern)} does not match the question",
                    fix="widen the pattern",
                )
        return question
