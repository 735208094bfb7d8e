"""Some rows of a table of records while they are cleaned."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.bio.reading.bad_rows import Place, place


@dataclass
class Part:
    """Some rows: their numbers from 0, the reason to reject each (or None), how many letters of
    each were changed, and for coding sequences the frames of `sequence` and `variant`."""

    batch: pa.RecordBatch
    rows: np.ndarray
    reasons: list[str | None]
    changed: dict[str, np.ndarray] = field(default_factory=dict)
    frames: pa.RecordBatch | None = None
    variant_frames: pa.RecordBatch | None = None

    @property
    def kept(self) -> np.ndarray:
        """Which rows have no reason to be rejected (bool)."""
        return np.array([reason is None for reason in self.reasons], bool)

    def place(self, i: int, records: Path) -> Place:
        """Where a row was read."""
        file, line, name = (self.batch[column][i].as_py() for column in ("file", "line", "id"))
        return place(file, line, int(self.rows[i]), name, records)

    def places(self, records: Path) -> list[Place]:
        """Where each row was read."""
        columns = (self.batch[name].to_pylist() for name in ("file", "line", "id"))
        return [
            place(file, line, int(row), name, records)
            for row, (file, line, name) in zip(self.rows, zip(*columns, strict=True), strict=True)
        ]

    def kept_places(self, records: Path) -> list[Place]:
        """Where each kept row was read."""
        places = zip(self.places(records), self.reasons, strict=True)
        return [place for place, reason in places if reason is None]

    def reject(self, row: int, reason: str) -> None:
        """Give a row a reason, unless it already has one."""
        self.reasons[row] = self.reasons[row] or reason

    def put(self, name: str, values: pa.Array) -> None:
        """Set a column."""
        column = self.batch.schema.get_field_index(name)
        self.batch = self.batch.set_column(column, self.batch.schema.field(name), values)
