"""From source files to the table of records: makes missing splits, writes batches and counts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse import labels as labels_of_answers
from seqfuse import tables
from seqfuse.bio.normalise import keys, normalise
from seqfuse.bio.reading.bad_rows import BadRows, Place, place
from seqfuse.bio.reading.joined import Table
from seqfuse.bio.splits import SPLITS, assign
from seqfuse.data.demo import generators
from seqfuse.data.fetching.sources import Source
from seqfuse.data.source_file import SourceFile
from seqfuse.errors import UserError, quoted, several
from seqfuse.files import atomic
from seqfuse.settings import datasets
from seqfuse.settings.advice import PASTED, in_yaml

_BATCH = 512
# Shares of the splits that are made if the files give none, or no val.
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
VAL_SHARES = {"train": 0.9, "val": 0.1}
# With fewer rows in val or test, a warning says that a score says little: the 95 % interval of a
# rank correlation over 30 rows extends some 0.36 to either side (Fisher's z).
FEW = 30
_OTHERWISE = ", or leave such rows out with bad_rows: reject"


def demo(entry: dict) -> Iterator[pa.RecordBatch]:
    """The records of a demo set."""
    rows = generators.rows(entry["generator"], entry["seed"])
    for row in rows:
        if "label" in row:
            row["label"] = entry["labels"].get(row["label"], row["label"])
        row.setdefault("question", entry.get("question"))
    yield pa.RecordBatch.from_pylist(rows, schema=tables.RECORDS)


@dataclass(frozen=True)
class MadeSplits:
    """The split of every row (text [n]), if the files do not give train and val, and how it was
    made."""

    split: np.ndarray
    how: str


def missing_splits(entry: dict, sources: list[Source]) -> MadeSplits | None:
    """The splits to make; None if the files give train and val.

    Without any split, rows are split by `SHARES`; with train but no val, val is a tenth of train.
    Rows with equal DNA stay together; the entry's `seed` decides which go where.
    """
    if {source.split for source in sources} >= {"train", "val"}:
        return None
    splits, dna = [], []
    for batch in _batches(entry, sources):
        splits.append(np.array(batch["split"].to_pylist(), dtype=object))
        dna.append(keys(*(normalise(batch[n]).letters for n in ("sequence", "variant"))))
    if not splits:
        return None
    split, contents = np.concatenate(splits), np.concatenate(dna)
    names = set(split)
    if "val" in names or not names & {"train", None}:
        return None
    rows = np.isin(split.astype(str), ["train", "None"])
    shares = VAL_SHARES if "test" in names else SHARES
    split[rows] = assign(contents[rows], shares, entry["seed"])
    counts = ", ".join(f"{name} {(split == name).sum():,}" for name in SPLITS)
    why = (
        "no val is given: a tenth of train becomes val"
        if "test" in names
        else "neither val nor test is given: rows are split 80/10/10"
        if names == {"train"}
        else "no split is given: rows are split 80/10/10"
    )
    return MadeSplits(split, f"{why}, by seed {entry['seed']} ({counts})")


def read(
    entry: dict, sources: list[Source], made: MadeSplits | None = None
) -> Iterator[pa.RecordBatch]:
    """The records of source files, with their own splits or those that were `made`."""
    row = 0
    for batch in _batches(entry, sources):
        if made is not None:
            column = pa.array(made.split[row : row + len(batch)], pa.string())
            batch = batch.set_column(1, tables.RECORDS.field("split"), column)
        yield batch.cast(tables.RECORDS)
        row += len(batch)


def _batches(entry: dict, sources: list[Source]) -> Iterator[pa.RecordBatch]:
    """Records with the split that the files give, null if they give none."""
    schema = pa.schema([field.with_nullable(True) for field in tables.RECORDS])
    numbers, bad = Counter(), BadRows()
    beside = {source.role: source.file for source in sources}
    table = Table(beside["join"], datasets.joined_on(entry)[1]) if "join" in beside else None
    files = [source for source in sources if source.role == "rows"]
    for source in files:
        rows, source.rows, source.later_turns, source.cut = [], 0, 0, 0
        source.left_out.clear()
        file = SourceFile(entry, source, beside.get("genome"), table, bad)
        for record in file.records(numbers):
            rows.append(record)
            source.rows += 1
            if len(rows) == _BATCH:
                yield pa.RecordBatch.from_pylist(rows, schema=schema)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=schema)
    if table is not None:
        table.finish(several([source.file.name for source in files]), bad)
    for source in sources:
        source.bad = [kind for kind in bad if kind.places[0].file == str(source.file)]
        if source.role == "join":
            source.rows = len(table.used)
            source.noted["rows share the values of another"] = table.shared
    if entry["bad_rows"] == "refuse":
        bad.refuse(_OTHERWISE)


def write(path: str | Path, batches: Iterable[pa.RecordBatch], sources: list[Source]) -> dict:
    """Write records batch by batch. Returns counts by split and by label, and the filled columns.

    Raises `UserError` if there is no row, an id repeats, or a label has several spellings."""
    rows, labels, present, seen = Counter(), {}, set(), []
    first: dict[str, Place] = {}
    with atomic(path) as temporary:
        with pq.ParquetWriter(temporary, tables.RECORDS, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                splits = batch["split"].to_pylist()
                rows.update(splits)
                for row, label in enumerate(batch["label"].to_pylist()):
                    if label is not None:
                        labels.setdefault(splits[row], Counter())[label] += 1
                        if label not in first:
                            first[label] = _place(batch, row)
                present |= {n for n in batch.schema.names if batch[n].null_count < len(batch)}
                seen.append(keys(batch["id"]))
        if not rows:
            names = ", ".join(str(source.file) for source in sources)
            for reason, times in left_out(sources).most_common(1):
                raise UserError(f"{names}: no row is left; most often ({times} rows), {reason}")
            raise UserError(f"{names}: no rows; give a file with records")
        _refuse_one_label_spelt_twice(first)
        _check_unique(temporary, np.concatenate(seen))
    return {"rows": rows, "labels": labels, "columns": present - {"file", "line"}}


def card(
    name: str, entry: dict, sources: list[Source], counts: dict, made: MadeSplits | None = None
) -> dict:
    """What was read of a dataset and from where; no timestamps, so that equal inputs give equal
    cards."""
    return {
        "name": name,
        **{key: entry[key] for key in ("source", "study", "task")},
        "files": [source.card() for source in sources],
        "columns": [name for name in tables.RECORDS.names if name in counts["columns"]],
        "rows": dict(counts["rows"]),
        "made_splits": made and made.how,
        "labels": {split: dict(of_split) for split, of_split in counts["labels"].items()},
        "left_out": dict(left_out(sources).most_common()),
        "later_turns_left_out": sum(source.later_turns for source in sources),
    }


def left_out(sources: list[Source]) -> Counter:
    """The rows that did not become records, by reason; with the records, they are all rows read."""
    counted = sum((source.left_out for source in sources), Counter())
    files = [source for source in sources if source.role == "rows"]
    for kind in (kind for source in files for kind in source.bad):
        counted[kind.name] += kind.rows
    return counted


def remarks(
    entry: dict, sources: list[Source], counts: dict, made: MadeSplits | None
) -> Iterator[str]:
    """What a user should know about the reading, one line each."""
    if made:
        yield made.how
    for source in sources:
        if source.unread:
            yield f"{source.path}: unused columns: {several(source.unread)}"
        if source.cut:
            yield f"{source.path}: {source.cut:,} sequences are cut to cds_start..cds_end"
        for what, rows in source.noted.items():
            if rows:
                yield f"{source.path}: {rows:,} {what}"
        for kind in source.bad:
            yield f"left out: {kind.fault}"
    for reason, times in sum((source.left_out for source in sources), Counter()).most_common():
        yield f"{times:,} rows are left out: {reason}"
    held_out = {name: counts["rows"][name] for name in ("val", "test")}
    few = [f"{name} has {n}" for name, n in held_out.items() if 0 < n < FEW]
    if few and entry["source"] != "synthetic":
        yield (
            f"warning: {' and '.join(few)} of {counts['rows'].total():,} rows; a score of fewer"
            f" than {FEW} says little"
        )


def _refuse_one_label_spelt_twice(first: dict[str, Place]) -> None:
    """Refuse labels that become equal by the normalisation with which answers are scored."""
    forms: dict[str, str] = {}
    alike = {label: forms.setdefault(labels_of_answers.normalise(label), label) for label in first}
    for label, other in alike.items():
        if other != label:
            spelt = in_yaml({"labels": alike})
            listed = spelt if len(spelt) < PASTED else "each under `labels`"
            raise UserError(
                f"{first[label]}: the labels {quoted(other)} and {quoted(label)} are one class"
                " (case, white space and outer punctuation do not count); spell them alike, or"
                f" list all in the dataset's entry: {listed}"
            )


def _check_unique(path: Path, ids: np.ndarray) -> None:
    """Refuse repeated ids (hashes, uint64[n]); the file is read again for the text of the error."""
    order = np.argsort(ids, kind="stable")
    again = order[1:][ids[order][1:] == ids[order][:-1]]
    if len(again):
        row = int(again.min())
        table = pq.read_table(path, columns=["id", "file", "line"])
        before = int(np.flatnonzero(ids == ids[row])[0])
        place, other = _place(table, row), _place(table, before)
        more = f" (and {len(again) - 1:,} more)" if len(again) > 1 else ""
        raise UserError(
            f"{place}: the id {quoted(table['id'][row].as_py())} occurs twice{more}, first in"
            f" {other}; make ids unique, or number the rows with columns: {{id: null}} in the"
            " dataset's entry"
        )


def _place(rows: pa.RecordBatch | pa.Table, row: int) -> Place:
    """Where a record was read."""
    return place(
        rows["file"][row].as_py(),
        rows["line"][row].as_py(),
        row,
        rows["id"][row].as_py(),
        "generated",
    )
