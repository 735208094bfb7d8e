"""One job of study B: choose a trial on validation, train every seed, predict, write results."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from seqfuse import fingerprint, tables
from seqfuse.codons import checkpoint
from seqfuse.codons.description import Description
from seqfuse.codons.inputs import trainable_encoder
from seqfuse.codons.inputs.batches import moments, with_one_hot, with_views
from seqfuse.codons.inputs.dataset import SPLITS, Dataset, read
from seqfuse.codons.model import Shape, compared_parameters, fit_width, parts
from seqfuse.codons.prediction_rows import rows_of
from seqfuse.codons.training import Recipe, Trainer, Training, Trial, predict
from seqfuse.encoders import recorded
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.store.reader import Store
from seqfuse.files import (
    atomic_directory,
    canonical_json,
    checksums,
    digest,
    keep_copy,
    read_json,
    sha256,
    write_json,
)
from seqfuse.progress import say
from seqfuse.registry.arms import Arm
from seqfuse.training.cost import cost, write_log
from seqfuse.training.device import device
from seqfuse.training.interruption.preemption import locked
from seqfuse.training.interruption.resume_checkpoint import discard
from seqfuse.training.interruption.shared_folder import shared
from seqfuse.training.provenance import surroundings


@dataclass(frozen=True)
class Job:
    """One arm on one dataset with every seed; `run` writes its folder.

    A modality comes from the store, by one of the `receipts`, or from one of the `models`: an
    encoder that is trained with the arm.
    """

    arm: Arm
    name: str
    records: Path
    frames: Path
    receipts: Mapping[str, Path]
    models: Mapping[str, Path]
    settings: Training
    seeds: Sequence[int]
    state: Path
    genetic_code: int

    def run(self, out: Path) -> None:
        """Train and write `out`, which appears only when it is complete."""
        with locked(self.state / ".lock"), shared(self._memory):
            trial = self._choose()
            trained = [self._train(trial, seed) for seed in self.seeds]
            with atomic_directory(out) as folder:
                self._write(folder, trained)
                self._write_for_use(folder, out, trained)
            discard(self.state)

    @cached_property
    def dataset(self) -> Dataset:
        """The rows with the arm's views, decoded once for all seeds and arms."""
        dataset = read(self.name, self.records, self.frames)
        if self.arm.one_hot:
            return with_one_hot(dataset)
        outputs = parts(self.arm, self.settings.upsampling)
        stores = {view: Store.open(receipt) for view, receipt in self.receipts.items()}
        dataset = with_views(dataset, stores, outputs, self._memory, self.arm.aligned)
        dataset = trainable_encoder.with_ids(dataset, self.encoders(), outputs)
        return replace(dataset, views={view: dataset.views[view] for view in self.arm.modalities})

    @property
    def _memory(self) -> Path:
        """The folder of a dataset's decoded states, shared by the jobs of all arms."""
        return self.state.parent / "memory"

    @cached_property
    def statistics(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Moments of each stored view over the training tokens."""
        dataset, size = self.dataset, self.settings.batch
        rows, by_view = dataset.rows("train"), {}
        for name in self.receipts:
            by_view[name] = moments(dataset.views[name].stored(rows))
        for name in self.models:
            by_view[name] = moments(
                trainable_encoder.states(dataset, name, rows, size, self._device)
            )
        return by_view

    @cached_property
    def shape(self) -> Shape:
        """The model's sizes, as wide as the parameter budget allows."""
        settings = self.settings
        shape = Shape(
            {name: view.width for name, view in self.dataset.views.items()},
            self.dataset.outputs,
            settings.width,
            settings.channels,
            settings.dropout,
            settings.head,
            settings.upsampling,
            settings.standardise,
            tuple(self.models),
            settings.lora_rank if self.arm.tuning == "lora" else 0,
        )
        return (
            fit_width(self.arm, shape, settings.parameter_budget)
            if settings.parameter_budget
            else shape
        )

    @property
    def recipe(self) -> Recipe:
        """How every model of the job is trained."""
        names = Recipe.__dataclass_fields__
        return Recipe(**{name: getattr(self.settings, name) for name in names})

    @cached_property
    def _device(self) -> torch.device:
        return device()

    @cached_property
    def _fingerprint(self) -> str:
        """A hash of everything that must be unchanged for a checkpoint to be resumed."""
        receipts = [read_json(path)["key"] for path in self.receipts.values()]
        made_from = [
            asdict(self.arm),
            sha256(self.records),
            sha256(self.frames),
            receipts,
            {view: checksums(folder) for view, folder in self.models.items()},
            asdict(self.shape),
            asdict(self.recipe),
            surroundings(),
            fingerprint.code("seqfuse.codons.training_job", *self.arm.modules),
        ]
        return digest(canonical_json(made_from))

    def encoders(self) -> dict[str, Encoder]:
        """The encoders that are trained with the arm, with their published weights."""
        return trainable_encoder.load(self.models, self.arm.tuning, self.settings.lora_rank)

    def _trials(self) -> list[Trial]:
        rates = self.settings.learning_rate
        entropies = self.settings.entropy if self.arm.entropy else (0.0,)
        return [Trial(rate, weight) for rate, weight in itertools.product(rates, entropies)]

    def _choose(self) -> Trial:
        """The trial with the best validation score for the first seed; the first in a tie."""
        trials = self._trials()
        if len(trials) == 1:
            return trials[0]
        scores = []
        for trial in trials:
            progress = self._train(trial, self.seeds[0]).progress
            scores.append((progress.best_score, -progress.best_loss))
            say(f"{trial}: validation {progress.best_score:.4f}")
        return trials[scores.index(max(scores))]

    def _train(self, trial: Trial, seed: int) -> Trainer:
        path = self.state / f"seed{seed}.{trial.learning_rate:g}.{trial.entropy:g}.pt"
        trainer = Trainer(
            self.dataset,
            self.arm,
            self.shape,
            self.statistics,
            self.encoders,
            self.recipe,
            trial,
            seed,
            path,
            self._fingerprint,
            self._device,
        )
        trainer.run()
        return trainer

    def _write(self, folder: Path, trained: Sequence[Trainer]) -> None:
        dataset = self.dataset
        held_out = np.concatenate([dataset.rows(split) for split in SPLITS[1:]])
        predicted, weighed, costs = [], [], []
        for trainer in trained:
            values, weights = self._predict(trainer, held_out)
            predicted.append(self._predictions(held_out, trainer.seed, "none", values))
            if weights is not None:
                weighed.append(self._weights(held_out, trainer.seed, weights))
            for views in knock_outs(self.arm):
                rows = dataset.rows("test")
                values, _ = self._predict(trainer, rows, views)
                probe = "_".join(("without", *views))
                predicted.append(self._predictions(rows, trainer.seed, probe, values))
            costs.append(self._cost(trainer))
        tables.write(
            folder / "predictions.parquet", pa.concat_tables(predicted), tables.PREDICTIONS
        )
        if weighed:
            tables.write(folder / "weights.parquet", pa.concat_tables(weighed), tables.WEIGHTS)
        write_json(
            folder / "cost.json",
            {
                "method": self.arm.name,
                "study": "codons",
                "suite": self.name,
                "kind": "control" if self.arm.kind == "control" else "method",
                "trials": len(self._trials()),
                "seeds": costs,
            },
        )
        log = [entry for trainer in trained for entry in trainer.progress.log]
        write_log(folder / "log.jsonl", log)

    def _write_for_use(self, folder: Path, out: Path, trained: Sequence[Trainer]) -> None:
        """Write what makes the folder usable anywhere: the checkpoints, and the encoders that exist
        nowhere else."""
        encoders = self._recorded(out)
        for trainer in trained:
            description = self._description(trainer, encoders)
            checkpoint.save(folder / f"seed{trainer.seed}.safetensors", trainer.model, description)
        for view, encoder in encoders.items():
            if encoder.get("scratch") and not self.arm.random:
                keep_copy(os.path.normpath(out / encoder["folder"]), folder / "encoders" / view)

    def _recorded(self, out: Path) -> dict[str, dict]:
        """The record of each modality's encoder for the checkpoints."""
        stored = {view: recorded.of_receipt(path, out) for view, path in self.receipts.items()}
        tuned = {view: recorded.of_folder(path, out) for view, path in self.models.items()}
        return {view: (stored | tuned)[view] for view in self.arm.modalities}

    def _description(self, trainer: Trainer, encoders: Mapping) -> Description:
        return Description(
            arm=self.arm.name,
            dataset=self.name,
            seed=trainer.seed,
            shape=asdict(self.shape),
            labels=list(self.dataset.labels),
            mean=trainer.scale.mean,
            deviation=trainer.scale.deviation,
            genetic_code=self.genetic_code,
            batch=self.recipe.batch,
            precision=self.recipe.precision,
            encoders=dict(encoders),
        )

    def _predict(self, trainer: Trainer, rows: np.ndarray, knocked_out: Sequence[str] = ()):
        passes = self.recipe.passes
        return predict(
            trainer.model, self.dataset, rows, passes, self._device, knocked_out, trainer.scale
        )

    def _predictions(self, rows: np.ndarray, seed: int, probe: str, values: np.ndarray) -> pa.Table:
        ids, labels = [self.dataset.ids[row] for row in rows], self.dataset.labels
        predicted = rows_of(ids, self.name, self.arm.name, seed, labels, values, probe)
        return tables.from_rows(predicted, tables.PREDICTIONS)

    def _weights(self, rows: np.ndarray, seed: int, weights: np.ndarray) -> pa.Table:
        weighed = [
            {"id": self.dataset.ids[row], "seed": seed}
            | dict(zip(self.arm.modalities, of_row.tolist(), strict=True))
            for row, of_row in zip(rows.tolist(), weights, strict=True)
        ]
        return tables.from_rows(weighed, tables.WEIGHTS)

    def _cost(self, trainer: Trainer) -> dict:
        progress = trainer.progress
        return cost(
            trainer.seed,
            trainer.model,
            trainer.trial.learning_rate,
            progress,
            epochs=progress.epoch,
            best_epoch=progress.best_epoch,
            steps=progress.steps,
            entropy=trainer.trial.entropy,
            compared_parameters=compared_parameters(trainer.model),
        )


def knock_outs(arm: Arm) -> Iterator[tuple[str, ...]]:
    """Every set of modalities that can be removed from a fusion so that at least one is left."""
    for count in range(1, len(arm.modalities)):
        yield from itertools.combinations(arm.modalities, count)
