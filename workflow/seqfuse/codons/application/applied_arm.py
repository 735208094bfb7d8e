"""A trained arm, read from its folder alone and run on sequences that no store holds.

They are embedded as the training rows were, by the encoders that the checkpoints record, after a
check of each encoder's checksums. Embeddings are kept in a store, from which an interrupted call
resumes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.codons import checkpoint
from seqfuse.codons import description as descriptions
from seqfuse.codons.application import training_facts
from seqfuse.codons.application.new_records import NewRecords
from seqfuse.codons.inputs import trainable_encoder
from seqfuse.codons.inputs.batches import with_one_hot, with_views
from seqfuse.codons.inputs.dataset import Dataset
from seqfuse.codons.model import Shape, parts
from seqfuse.codons.training import Passes, Scale, predict
from seqfuse.encoders import found_again, live_states
from seqfuse.encoders.embedder import Embedder
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.writer import Writer
from seqfuse.errors import UserError
from seqfuse.files import checksums
from seqfuse.progress import say, track
from seqfuse.registry.arms import ARMS, Arm
from seqfuse.training.device import device
from seqfuse.training.interruption.preemption import Interruption

# The parts of a store's description that may differ between machines and versions; a difference
# changes the last digits.
_LAST_DIGITS = {"computed": "precision", "code": "version of the encoders' code"}


class SeedPredictions(NamedTuple):
    """The predictions of one seed, float64 [n, outputs] (values, or log probabilities of the
    labels), and weights [n, M] if the arm weighs its modalities."""

    seed: int
    predictions: np.ndarray
    weights: np.ndarray | None


@dataclass(frozen=True)
class AppliedArm:
    """The arm in `folder`; `given` names the folders of encoders that have moved."""

    folder: Path
    given: Mapping[str, Path]

    @cached_property
    def checkpoints(self) -> list[Path]:
        """The checkpoint of each seed, in the order of seeds."""
        return descriptions.of_seeds(self.folder)

    @cached_property
    def description(self) -> descriptions.Description:
        """The first seed's description, which holds for all seeds."""
        return descriptions.read(self.checkpoints[0])

    @cached_property
    def arm(self) -> Arm:
        """The arm's entry; `UserError` for a control, which does not model sequences themselves."""
        arm = ARMS[self.description.arm]
        if arm.shuffled or arm.random:
            raise UserError(
                f"{self.folder}: {arm.name} is a control ({arm.title}), which cannot predict new"
                " sequences; give another arm"
            )
        return arm

    @cached_property
    def training(self) -> tuple[training_facts.Facts, np.ndarray]:
        """What the arm was trained on, and the codon usage of training rows, float32 [n, 65]."""
        return training_facts.read(self.folder)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes; none if the arm predicts a value."""
        return tuple(self.description.labels)

    def introduce(self) -> None:
        """Say what the arm is, what it was trained on and how well it scores."""
        facts, name = self.training[0], self.description.dataset
        low, high = facts.codons
        values = "labels " + ", ".join(facts.labels)
        if facts.values:
            values = f"values from {facts.values[0]:g} to {facts.values[1]:g}"
        say(f"{self.folder}: {self.arm.title}, trained on {facts.rows} sequences of {name}")
        say(f"its training range: {low} to {high} codons, {values}")
        say(f"its score: {facts.score_in_words}")
        random = [e["name"] for e in self.description.encoders.values() if e.get("scratch")]
        if random:
            say(
                f"its encoders have random weights ({', '.join(random)}): its predictions are no"
                " evidence"
            )

    def places(self) -> dict[str, Path]:
        """The folder of the encoder of each modality."""
        return {view: self.place(view) for view in self.description.encoders}

    def place(self, view: str) -> Path:
        """The folder of a modality's encoder."""
        encoder, given = self.description.encoders[view], self.given.get(view)
        return found_again.find(
            encoder, self.folder, given, f"--{view}-encoder", f"encoders/{view}"
        )

    def reject(self, records: NewRecords) -> None:
        """Reject the rows that an encoder cannot read."""
        for view in self.description.encoders:
            if view in self._tuned:
                tokens = trainable_encoder.TokenIds(self._encoders[view]).spans
            else:
                tokens = partial(_counted, self._embedder(view))
            for row in records.usable().tolist():
                try:
                    tokens(records.frames[view][row])
                except UserError as error:
                    # The rest of the message is about the configuration of a run.
                    reason = str(error).partition("; ")[0]
                    records.rows[row].reject(BadRow(f"{view}: {reason}", fix="shorten it"))

    def embed(self, records: NewRecords, store: Path, shown: bool = True) -> dict[str, Store]:
        """The stores of the modalities with frozen encoders, filled with all usable rows.

        An interrupted call leaves its rows in `store`, and the next one continues."""
        stores = {}
        for view in self.description.encoders:
            if view in self._tuned:
                continue
            embedder, letters = self._embedder(view), records.frames[view]
            counted = _counted(embedder, *(letters[row] for row in records.usable()))
            with Interruption() as stop, Writer(store, embedder.description) as writer:
                missing = {one: n for one, n in counted.items() if not writer.holds(one)}
                rows = embedder.rows(missing)
                for row in track(rows, len(missing), f"{view} embedded") if shown else rows:
                    writer.add(row)
                    if stop.asked:
                        break
            stores[view] = Store(writer.folder)
        return stores

    def viewed(self, dataset: Dataset, stores: Mapping[str, Store], memory: Path) -> Dataset:
        """The dataset with the arm's views; `memory` is a folder for decoded states."""
        if self.arm.one_hot:
            return with_one_hot(dataset)
        outputs = parts(self.arm, self.description.shape["upsampling"])
        dataset = with_views(dataset, stores, outputs, memory, self.arm.aligned)
        dataset = trainable_encoder.with_ids(dataset, self._encoders, outputs)
        views = {view: dataset.views[view] for view in self.arm.modalities}
        return Dataset(**{**vars(dataset), "views": views})

    def predict(self, dataset: Dataset) -> Iterator[SeedPredictions]:
        """The predictions of every seed for a dataset with views, in batches as in training."""
        place, rows = device(), np.arange(len(dataset.ids))
        folders = {view: self.places()[view] for view in self._tuned}
        for path in self.checkpoints:
            model, description = checkpoint.load(path, folders)
            passes = Passes(description.batch, description.precision)
            scale = Scale(description.mean, description.deviation)
            predicted = predict(model.to(place), dataset, rows, passes, place, scale=scale)
            yield SeedPredictions(description.seed, *predicted)

    def _embedder(self, view: str) -> Embedder:
        """The encoder of a modality; raises `UserError` if it is not the recorded one."""
        if view not in self._loaded:
            place, encoder = self.places()[view], self.description.encoders[view]
            embedder = live_states.embedder(place, encoder["made"])
            files = embedder.description["files"]
            found_again.hold(files, encoder, place, self.folder, f"--{view}-encoder")
            for key, words in _LAST_DIGITS.items():
                if embedder.description[key] != encoder["made"][key]:
                    say(f"{view}: another {words} than in training; last digits may differ")
            self._loaded[view] = embedder
        return self._loaded[view]

    @cached_property
    def _loaded(self) -> dict[str, Embedder]:
        return {}

    @property
    def _tuned(self) -> Sequence[str]:
        """The modalities whose encoder was trained with the arm."""
        return Shape(**self.description.shape).tuned

    @cached_property
    def _encoders(self) -> dict:
        folders = {view: self.places()[view] for view in self._tuned}
        for view, place in folders.items():
            encoder = self.description.encoders[view]
            found_again.hold(checksums(place), encoder, place, self.folder, f"--{view}-encoder")
        rank = self.description.shape["lora_rank"]
        return trainable_encoder.load(folders, self.arm.tuning, rank) if folders else {}


def _counted(embedder: Embedder, *sequences: str) -> dict[str, int]:
    """The tokens of each sequence."""
    return embedder.count(dict.fromkeys(sequences, "it"))
