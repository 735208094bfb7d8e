"""The trained arms of one dataset, read for interpretation, with test rows and stored views."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from seqfuse.bio.clusters import read as read_clusters
from seqfuse.codons import checkpoint
from seqfuse.codons.inputs.batches import Batch, by_length, collate, placed
from seqfuse.codons.inputs.dataset import Dataset, View
from seqfuse.codons.inputs.dataset import read as read_dataset
from seqfuse.codons.model import CodonModel, Output, parts
from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError
from seqfuse.registry.arms import ARMS, Arm
from seqfuse.training.device import device

# Rows at a time: enough for the matrix products, and little memory for the longest sequences.
_AT_ONCE = 64


@dataclass(frozen=True)
class Trained:
    """One arm with one seed, from its checkpoint; the model is in eval mode."""

    arm: Arm
    seed: int
    upsampling: str
    labels: tuple[str, ...]
    mean: float
    deviation: float
    model: CodonModel

    def prediction(self, output: Output) -> np.ndarray:
        """Predictions float64 [B, outputs]: values in their own unit, or log probabilities."""
        prediction = output.prediction.double().cpu()
        if self.labels:
            return prediction.log_softmax(-1).numpy()
        return (prediction * self.deviation + self.mean).numpy()


@dataclass(frozen=True)
class Trials:
    """Every seed of some arms on one dataset, with the stores they were trained from and the
    cluster of each test row."""

    dataset: Dataset
    cluster: np.ndarray
    stores: Mapping[str, Store]
    arms: Mapping[str, Sequence[Trained]]
    device: torch.device

    @cached_property
    def test(self) -> np.ndarray:
        """The test rows."""
        return self.dataset.rows("test")

    def batches(
        self, trained: Trained, rows: np.ndarray | Dataset
    ) -> Iterator[tuple[np.ndarray, Batch]]:
        """(positions, batch) over some rows of the dataset, or over a dataset with views."""
        dataset = rows if isinstance(rows, Dataset) else self.viewed(trained, rows)
        for chosen in by_length(dataset, np.arange(len(dataset.ids)), _AT_ONCE):
            yield chosen, collate(dataset, chosen, self.device)

    def viewed(self, trained: Trained, rows: np.ndarray) -> Dataset:
        """Some rows of the dataset with an arm's views, whose states are read when needed."""
        dataset = subset(self.dataset, rows)
        for view in trained.arm.modalities:
            store, letters = self.stores[view], dataset.frames[view]
            spans = [store.spans(sequence) for sequence in letters]
            dataset = with_view(dataset, trained, view, store, spans)
        return dataset

    @torch.inference_mode()
    def predict(self, trained: Trained, rows: np.ndarray | Dataset) -> np.ndarray:
        """Predictions float64 [n, outputs] in order.

        Computed in float32 whatever the precision of training, so that small changes show.
        """
        positions, predicted = [], []
        for chosen, batch in self.batches(trained, rows):
            positions.append(chosen)
            predicted.append(trained.prediction(trained.model(batch)))
        return np.concatenate(predicted)[np.argsort(np.concatenate(positions))]


def read(
    dataset: str,
    folders: Sequence[Path],
    records: Path,
    frames: Path,
    clusters: Path,
    receipts: Mapping[str, Path],
) -> Trials:
    """Arms from the folders that `seqfuse codons train` wrote, with the data they were trained on.

    Raises `UserError` for an arm of another dataset, or with a modality that has no receipt.
    """
    place = device()
    arms = {}
    for folder in folders:
        paths = folder.glob("seed*.safetensors")
        seeds = sorted((_load(p, dataset, place) for p in paths), key=lambda one: one.seed)
        if not seeds:
            raise UserError(f"{folder}: no checkpoint here; run `seqfuse codons train` first")
        arms[seeds[0].arm.name] = seeds
    needed = {view for seeds in arms.values() for view in seeds[0].arm.modalities}
    for view in sorted(needed - set(receipts)):
        raise UserError(f"--{view}: an arm reads these embeddings; give their receipt")
    stores = {view: Store.open(receipts[view]) for view in sorted(needed)}
    data = read_dataset(dataset, records, frames)
    ids = pa.array([data.ids[row] for row in data.rows("test")], pa.string())
    return Trials(data, read_clusters(clusters, ids), stores, arms, place)


def subset(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Some rows of a dataset, in the given order, without views."""
    return replace(
        dataset,
        ids=[dataset.ids[row] for row in rows],
        split=dataset.split[rows],
        codons=dataset.codons[rows],
        target=dataset.target[rows],
        frames={view: [letters[row] for row in rows] for view, letters in dataset.frames.items()},
        views={},
    )


def with_view(dataset: Dataset, trained: Trained, view: str, states, spans) -> Dataset:
    """The dataset with one more view of an arm, from its states and each row's token spans."""
    count = parts(trained.arm, trained.upsampling)[view]
    places = placed(dataset, view, spans, count, trained.arm.aligned)
    added = View(dataset.frames[view], states, places, count)
    return replace(dataset, views={**dataset.views, view: added})


def _load(path: Path, dataset: str, device: torch.device) -> Trained:
    model, description = checkpoint.load(path)
    if description.dataset != dataset:
        raise UserError(f"{path}: trained on {description.dataset!r}, not on {dataset!r}")
    return Trained(
        ARMS[description.arm],
        description.seed,
        description.shape["upsampling"],
        tuple(description.labels),
        description.mean,
        description.deviation,
        model.to(device),
    )
