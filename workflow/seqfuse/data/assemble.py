"""From source files to the table of records: splits where none are given, batches, counts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse import tables
from seqfuse.bio.normalise import keys, normalise
from seqfuse.bio.splits import assign
from seqfuse.data.demo import generators
from seqfuse.data.download import Source
from seqfuse.data.source_file import SourceFile
from seqfuse.errors import UserError
from seqfuse.files import atomic

_BATCH = 512
# Shares of the splits that are made where the files give none, or no val.
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
VAL_SHARES = {"train": 0.9, "val": 0.1}


def demo(entry: dict) -> Iterator[pa.RecordBatch]:
    """The records of a demo set."""
    rows = generators.rows(entry["generator"], entry["seed"])
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
        for record in SourceFile(entry, source).records(numbers):
            rows.append(record)
            source.rows += 1
            if len(rows) == _BATCH:
                yield pa.RecordBatch.from_pylist(rows, schema=schema)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=schema)


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
