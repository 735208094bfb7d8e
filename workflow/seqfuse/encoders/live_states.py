"""States of sequences that no store holds, made as those of a store were."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse.encoders.embedder import Embedder, Settings
from seqfuse.encoders.store.rows import Row, sequence_hash


def embedder(folder: Path, made: Mapping) -> Embedder:
    """The encoder in a folder, set to embed as `made`, the description of a store, says."""
    settings = Settings(
        layer=made["layer"],
        output=made["output"],
        dtype=made["stored"],
        too_long=made["too_long"],
    )
    return Embedder(folder, settings, made["resolution"])


@dataclass(frozen=True)
class Embedded:
    """Sequences that were embedded just now, read as a store is."""

    width: int
    rows: Mapping[bytes, Row]

    @classmethod
    def by(cls, embedder: Embedder, sequences: Mapping[str, str]) -> "Embedded":
        """The sequences by an embedder; the values say where each stands, for messages."""
        rows = embedder.rows(embedder.count(dict(sequences)))
        return cls(embedder.width, {row.sequence: row for row in rows})

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one of the sequences."""
        return self.rows[sequence_hash(sequence)].states

    def spans(self, sequence: str) -> np.ndarray:
        """For each of its tokens the range of letters [start, end), int32 [T, 2]."""
        return self.rows[sequence_hash(sequence)].spans
