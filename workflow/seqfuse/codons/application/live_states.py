"""Codon states of new sequences, for language models that were trained on an arm's states.

`seqfuse ask` uses them for study A's models: each encoder embeds a new coding sequence, and the arm
fuses its states, as for the training records.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.bio.frames import frames
from seqfuse.bio.reading.bad_rows import Place
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.codons.application.applied_arm import AppliedArm
from seqfuse.codons.application.codon_states import CodonStates, Sequences
from seqfuse.codons.application.new_records import NewRecords
from seqfuse.encoders.store.rows import sequence_hash
from seqfuse.errors import UserError
from seqfuse.files import sha256


class LiveStates:
    """States of a few coding sequences at a time, by the arm whose states the model in `home` was
    trained on: `hold` makes them, `get` reads them like a store. `given` is the arm's folder, if it
    has moved. Raises `UserError` if arm or encoders are missing or differ from training."""

    def __init__(self, encoder: Mapping, home: Path, given: Path | None):
        made = encoder["made"]
        if not made["files"] or made["altered"]:
            shown = "altered sequences" if made["altered"] else "states without an arm"
            raise UserError(
                f"{home}: was trained on {shown}; it cannot be asked about new sequences"
            )
        folder = given or (home / encoder["folder"]).resolve()
        [(name, digest)] = made["files"].items()
        self._checkpoint = folder / name
        if not self._checkpoint.is_file() or sha256(self._checkpoint) != digest:
            raise UserError(
                f"{self._checkpoint}: not the arm that {home} was trained with; name its folder"
                " with --encoder"
            )
        self._arm, self._unfused = AppliedArm(folder, {}), made["fusion"] is not None
        for view in self._arm.description.encoders:
            try:
                self._arm.place(view)
            except UserError as error:
                lost = str(error).partition("; ")[0]
                copy = self._arm.folder / "encoders" / view
                raise UserError(f"{lost}; copy its folder to {copy}") from None
        self._held: dict[str, np.ndarray] = {}

    def hold(self, sequences: Iterable[str]) -> None:
        """Make the states of these sequences, and drop the previous ones."""
        letters = list(dict.fromkeys(sequences))
        records = self._framed(letters)
        dataset = records.dataset("new", np.arange(len(letters)), ())
        with tempfile.TemporaryDirectory() as memory:
            stores = self._arm.embed(records, Path(memory, "store"), shown=False)
            states = CodonStates(stores, self._checkpoint, self._unfused, live=True)
            rows = states.rows(Sequences(letters, dataset), np.arange(len(letters)), Path(memory))
            states_of = {row.sequence: row.states for row in rows}
        self._held = {one: states_of[sequence_hash(one)] for one in letters}

    def get(self, sequence: str) -> np.ndarray:
        """States [codons, D] of one of the sequences."""
        return self._held[sequence]

    def _framed(self, letters: list[str]) -> NewRecords:
        ids = pa.array([str(number) for number in range(len(letters))])
        batch = frames(ids, pa.array(letters), self._arm.description.genetic_code)
        framed = batch.to_pydict()
        for sequence, codons in zip(letters, framed["codons"], strict=True):
            if not codons:
                raise UserError(f"{sequence!r}: shorter than a codon; give a coding sequence")
        places = [Place("asked", number, name, "row") for number, name in enumerate(framed["id"])]
        views = {view: framed[view] for view in ("dna", "rna", "protein")}
        rows = [NewSequence(place, {}) for place in places]
        return NewRecords(rows, views, [[] for _ in rows], [""] * len(rows))
