"""States of sequences that no store holds, made like those of a store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse.encoders.embedder import Embedder, Settings
from seqfuse.encoders.store.rows import Row, sequence_hash


def embedder(folder: Path, made: Mapping) -> Embedder:
    """The encoder in a folder, with the settings in `made`, the description of a store."""
    settings = Settings(
        layer=made["layer"],
        output=made["output"],
        dtype=made["stored"],
        too_long=made["too_long"],
    )
    return Embedder(folder, settings, made["resolution"])


@dataclass(frozen=True)
class Embedded:
    """Sequences that were embedded just now, read like a store."""

    width: int
    rows: Mapping[bytes, Row]

    @classmethod
    def by(cls, embedder: Embedder, sequences: Mapping[str, str]) -> "Embedded":
        """Embed `sequences`, whose values say where each comes from, for messages."""
        rows = embedder.rows(embedder.count(dict(sequences)))
        return cls(embedder.width, {row.sequence: row for row in rows})

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one of the sequences."""
        return self.rows[sequence_hash(sequence)].states

    def spans(self, sequence: str) -> np.ndarray:
        """The range of letters [start, end) of each token, int32 [T, 2]."""
        return self.rows[sequence_hash(sequence)].spans
