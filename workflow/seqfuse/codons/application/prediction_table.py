"""What all seeds say of new sequences, as a table for people or as the pipeline's own."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.bio.reading import file_kinds
from seqfuse.codons.application.applied_arm import AppliedArm, Said
from seqfuse.codons.application.new_records import NewRecords
from seqfuse.codons.prediction_rows import rows_of
from seqfuse.errors import UserError
from seqfuse.files import atomic

DELIMITERS = {f".{form}": delimiter for form, delimiter in file_kinds.DELIMITERS.items()}
_PIPELINE = ".parquet"


def check(out: Path) -> None:
    """Refuse a name that does not say what to write."""
    if out.suffix not in (*DELIMITERS, _PIPELINE):
        known = ", ".join((*DELIMITERS, _PIPELINE))
        raise UserError(f"--out {out}: give it one of the suffixes {known}")


def write(
    out: Path, applied: AppliedArm, records: NewRecords, rows: np.ndarray, said: Sequence[Said]
) -> None:
    """Write what `said` predicts of `rows`; .csv and .tsv hold every row of the file, .parquet the
    predictions as the pipeline's table of them does."""
    if out.suffix == _PIPELINE:
        ids, found = [records.rows[row].id for row in rows], applied.description
        made = [
            row
            for one in said
            for row in rows_of(ids, found.dataset, found.arm, one.seed, applied.labels, one[1])
        ]
        tables.write(out, tables.from_rows(made, tables.PREDICTIONS), tables.PREDICTIONS)
        return
    predicted = dict(zip(rows.tolist(), _predicted(applied, said, len(rows)), strict=True))
    if values := applied.training[0].values:
        for row, found in predicted.items():
            if not values[0] <= found["prediction"] <= values[1]:
                records.notes[row].append("the prediction is beyond the training values")
    names = ["id", *next(iter(predicted.values())), "codons", "note"]
    write_rows(out, names, (_line(records, row, predicted) for row in range(len(records.rows))))


def write_rows(out: Path, names: Sequence[str], rows: Iterator[dict]) -> None:
    """Write dictionaries as a table with the delimiter of the file's suffix."""
    with atomic(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, names, restval="", delimiter=DELIMITERS[out.suffix])
        table.writeheader()
        table.writerows(rows)


def _line(records: NewRecords, row: int, predicted: dict[int, dict]) -> dict:
    record, notes = records.rows[row], records.notes[row]
    if record.fault is not None:
        notes = [f"not predicted: {record.fault}"]
    codons = len(records.frames["protein"][row])
    common = {"id": record.id, "codons": codons, "note": "; ".join(notes)}
    return common | predicted.get(row, {})


def _predicted(applied: AppliedArm, said: Sequence[Said], count: int) -> Iterator[dict]:
    """The columns of each row: mean and spread over seeds, each seed, the mean weights."""
    outputs = np.stack([one.predictions for one in said])
    if applied.labels:
        outputs = np.exp(outputs)
    mean = outputs.mean(0)
    spread = outputs.std(0, ddof=1) if len(said) > 1 else np.full(mean.shape, np.nan)
    for row in range(count):
        yield {
            **(_class if applied.labels else _value)(applied, said, outputs, mean, spread, row),
            **_weights(applied, said, row),
        }


def _value(applied, said, outputs, mean, spread, row) -> dict:
    found = {"prediction": float(mean[row, 0]), "sd": _known(spread[row, 0])}
    return found | {f"seed{one.seed}": float(outputs[i, row, 0]) for i, one in enumerate(said)}


def _class(applied, said, outputs, mean, spread, row) -> dict:
    best, labels = int(mean[row].argmax()), applied.labels
    found = {"prediction": labels[best], "probability": float(mean[row, best])}
    found |= {"sd": _known(spread[row, best])}
    found |= {f"p({label})": float(mean[row, i]) for i, label in enumerate(labels)}
    return found | {
        f"seed{one.seed}": labels[int(outputs[i, row].argmax())] for i, one in enumerate(said)
    }


def _weights(applied: AppliedArm, said: Sequence[Said], row: int) -> dict:
    if said[0].weights is None:
        return {}
    mean = np.mean([one.weights[row] for one in said], axis=0).tolist()
    return {f"weight_{view}": one for view, one in zip(applied.arm.modalities, mean, strict=True)}


def _known(value: float) -> float | str:
    return float(value) if np.isfinite(value) else ""
