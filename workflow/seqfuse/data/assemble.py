"""From a source to the table of records: what each field of a record is taken from."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse import tables
from seqfuse.data import synthetic
from seqfuse.errors import UserError
from seqfuse.files import atomic
from seqfuse.sequences.normalise import keys


def demo(entry: dict) -> Iterator[pa.RecordBatch]:
    """The records of a demo set."""
    rows = synthetic.rows(entry["generator"], entry["seed"])
    for row in rows:
        if "label" in row:
            row["label"] = entry["labels"].get(row["label"], row["label"])
        row.setdefault("question", entry.get("question"))
    yield pa.RecordBatch.from_pylist(rows, schema=tables.RECORDS)


def write(path: str | Path, batches: Iterable[pa.RecordBatch]) -> dict:
    """Write records batch by batch; what was written, by split and label, for the card."""
    rows, labels, present, seen = Counter(), {}, set(), []
    with atomic(path) as temporary:
        with pq.ParquetWriter(temporary, tables.RECORDS, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows.update(batch["split"].to_pylist())
                for split, label in zip(
                    *(batch[n].to_pylist() for n in ("split", "label")), strict=True
                ):
                    if label is not None:
                        labels.setdefault(split, Counter())[label] += 1
                present |= {n for n in batch.schema.names if batch[n].null_count < len(batch)}
                seen.append(keys(batch["id"]))
        if not rows:
            raise UserError(f"{path}: the source holds no records")
        _check_unique(temporary, np.concatenate(seen))
    return {"rows": rows, "labels": labels, "columns": present}


def card(name: str, entry: dict, sources: list, counts: dict) -> dict:
    """What a dataset is and where it came from; no timestamps, so that equal inputs agree."""
    return {
        "name": name,
        **{
            key: entry.get(key)
            for key in ("title", "licence", "citation", "source", "study", "task")
        },
        "files": [source.card() for source in sources],
        "columns": [name for name in tables.RECORDS.names if name in counts["columns"]],
        "rows": dict(counts["rows"]),
        "labels": {split: dict(found) for split, found in counts["labels"].items()},
        "coding": {"expected": entry["study"] == "codons"},
    }


def _check_unique(path: Path, found: np.ndarray) -> None:
    """Ids must not repeat; the message needs the text, so the file is read again for it."""
    order = np.argsort(found, kind="stable")
    repeats = order[1:][found[order][1:] == found[order][:-1]]
    if len(repeats):
        row = int(repeats.min())
        name = pq.read_table(path, columns=["id"])["id"][row].as_py()
        raise UserError(f"record {row + 1}: the id {name!r} occurs twice; ids must be unique")
