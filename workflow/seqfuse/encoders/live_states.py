"""States of sequences that no store holds, from the encoder that a model was trained on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse.encoders import recorded
from seqfuse.encoders.embedder import Embedder, Settings
from seqfuse.encoders.rows import Row, describe, sequence_hash


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


class Live:
    """The encoder that the model in `home` was trained on, and the states of some sequences at a
    time: `hold` embeds them, `get` is that of a store."""

    def __init__(self, encoder: Mapping, home: Path, given: Path | None):
        place = recorded.find(encoder, home, given, "--encoder")
        self._embedder = embedder(place, encoder["made"])
        files = self._embedder.description["files"]
        recorded.hold(files, encoder, place, home, "--encoder")
        self._held = Embedded(self._embedder.width, {})

    def hold(self, sequences: Iterable[str]) -> None:
        """Embed sequences, and forget those of before."""
        said = {sequence: describe(sequence) for sequence in sequences}
        self._held = Embedded.by(self._embedder, said)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one of the sequences."""
        return self._held.get(sequence)
