"""The predictions of all seeds for new sequences, as a table for people or for the pipeline."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.bio.reading import file_kinds
from seqfuse.codons.application.applied_arm import AppliedArm, SeedPredictions
from seqfuse.codons.application.new_records import NewRecords
from seqfuse.codons.prediction_rows import rows_of
from seqfuse.errors import UserError
from seqfuse.files import atomic

DELIMITERS = {f".{form}": delimiter for form, delimiter in file_kinds.DELIMITERS.items()}
_PIPELINE = ".parquet"


def check(out: Path) -> None:
    """Raise `UserError` if the suffix is not one that can be written."""
    if out.suffix not in (*DELIMITERS, _PIPELINE):
        known = ", ".join((*DELIMITERS, _PIPELINE))
        raise UserError(f"--out {out}: use one of the suffixes {known}")


def write(
    out: Path,
    applied: AppliedArm,
    records: NewRecords,
    rows: np.ndarray,
    seeds: Sequence[SeedPredictions],
) -> None:
    """Write the predictions of all `seeds` for `rows`; .csv and .tsv hold every row of the file,
    .parquet the predicted ones in the pipeline's schema."""
    if out.suffix == _PIPELINE:
        ids, arm, labels = (
            [records.rows[row].id for row in rows],
            applied.description,
            applied.labels,
        )
        table = [
            row
            for one in seeds
            for row in rows_of(ids, arm.dataset, arm.arm, one.seed, labels, one.predictions)
        ]
        tables.write(out, tables.from_rows(table, tables.PREDICTIONS), tables.PREDICTIONS)
        return
    predicted = dict(zip(rows.tolist(), _predicted(applied, seeds, len(rows)), strict=True))
    if values := applied.training[0].values:
        for row, columns in predicted.items():
            if not values[0] <= columns["prediction"] <= values[1]:
                records.notes[row].append("the prediction is outside the training values")
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


def _predicted(applied: AppliedArm, seeds: Sequence[SeedPredictions], count: int) -> Iterator[dict]:
    """The columns of each row: mean and deviation over seeds, each seed, the mean weights."""
    outputs = np.stack([one.predictions for one in seeds])
    if applied.labels:
        outputs = np.exp(outputs)
    mean = outputs.mean(0)
    spread = outputs.std(0, ddof=1) if len(seeds) > 1 else np.full(mean.shape, np.nan)
    for row in range(count):
        yield {
            **(_class if applied.labels else _value)(applied, seeds, outputs, mean, spread, row),
            **_weights(applied, seeds, row),
        }


def _value(applied, seeds, outputs, mean, spread, row) -> dict:
    columns = {"prediction": float(mean[row, 0]), "sd": _known(spread[row, 0])}
    return columns | {f"seed{one.seed}": float(outputs[i, row, 0]) for i, one in enumerate(seeds)}


def _class(applied, seeds, outputs, mean, spread, row) -> dict:
    best, labels = int(mean[row].argmax()), applied.labels
    columns = {"prediction": labels[best], "probability": float(mean[row, best])}
    columns |= {"sd": _known(spread[row, best])}
    columns |= {f"p({label})": float(mean[row, i]) for i, label in enumerate(labels)}
    return columns | {
        f"seed{one.seed}": labels[int(outputs[i, row].argmax())] for i, one in enumerate(seeds)
    }


def _weights(applied: AppliedArm, seeds: Sequence[SeedPredictions], row: int) -> dict:
    if seeds[0].weights is None:
        return {}
    mean = np.mean([one.weights[row] for one in seeds], axis=0).tolist()
    return {f"weight_{view}": one for view, one in zip(applied.arm.modalities, mean, strict=True)}


def _known(value: float) -> float | str:
    return float(value) if np.isfinite(value) else ""
