"""Encoder states of DNA that no store holds: what a probe altered, or what a terminal asks about.

A checkpoint of a method that reads states says in its method.json where its encoder lay, relative
to itself, and how the states it was trained on were made. The encoder is held to that by the
checksums of its files, wherever it lies now.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seqfuse.encoders.embedder import Embedder, Settings
from seqfuse.encoders.rows import describe, sequence_hash
from seqfuse.errors import UserError


class LiveStates:
    """The states of `sequences`, embedded now and held in memory; `get` is that of a store.

    `encoder` is what `checkpoint.encoder_reference` gave. `folder` names the encoder where it no
    longer lies where it lay when the model was trained.
    """

    def __init__(
        self, encoder: dict, checkpoint: Path, folder: Path | None, sequences: Iterable[str]
    ):
        made = encoder["made"]
        place = folder or Path(os.path.normpath(checkpoint / encoder["folder"]))
        if not (place / "config.json").is_file():
            raise UserError(
                f"{place}: no encoder here, and {checkpoint} reads the states of one; name its"
                " folder with --encoder"
            )
        settings = Settings(
            layer=made["layer"],
            output=made["output"],
            dtype=made["stored"],
            too_long=made["too_long"],
        )
        embedder = Embedder(place, settings, made["resolution"])
        if embedder.description["files"] != made["files"]:
            raise UserError(
                f"{place}: its files are not those of the encoder that {checkpoint} was trained"
                " with; name that one with --encoder"
            )
        counted = embedder.count({sequence: describe(sequence) for sequence in sequences})
        self._states = {row.sequence: row.states for row in embedder.rows(counted)}

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one of the sequences."""
        return self._states[sequence_hash(sequence)]
