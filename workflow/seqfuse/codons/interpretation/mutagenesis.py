"""A trained fusion's predictions for every synonymous codon at every position of a sequence.

The protein does not change, so its states come from the store; DNA and mRNA are embedded here, by
the encoders that made the stores, in the same batches and the same precision.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqfuse.bio.codon_usage import Synonyms, counted
from seqfuse.codons.inputs.dataset import Dataset
from seqfuse.codons.interpretation.trained_arms import Trained, Trials, with_view
from seqfuse.encoders import live_states
from seqfuse.encoders.embedder import Embedder
from seqfuse.encoders.live_states import Embedded
from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError

# Sequences embedded and kept at once: a long gene has some thousand mutants.
_AT_ONCE = 256
# Mutants that are timed to estimate the time of all.
_TIMED = 32
# The part of a store's description that may differ: a GPU computes in bfloat16.
_DEVICE = ("computed",)


class Embedders:
    """Views of sequences that no store holds, embedded as the store's sequences were.

    `embedders` are those of "dna" and "rna"; a view without one must be in its store.
    """

    def __init__(self, stores: Mapping[str, Store], encoders: Mapping[str, Path | None]):
        self.stores = stores
        self.embedders = {
            view: _embedder(view, store, encoders.get(view))
            for view, store in stores.items()
            if view != "protein"
        }

    def embedded(self, dataset: Dataset) -> Mapping[str, Embedded | Store]:
        """The states of a dataset's distinct sequences, by view."""
        by_view = {}
        for view, store in self.stores.items():
            distinct = dict.fromkeys(dataset.frames[view], f"a {view} mutant")
            if view in self.embedders:
                by_view[view] = Embedded.by(self.embedders[view], distinct)
            else:
                by_view[view] = store
        return by_view


def synonyms_of(dataset: Dataset) -> Synonyms:
    """The codons that a dataset uses for each residue."""
    train = dataset.rows("train").tolist()
    return Synonyms(counted(dataset.frames["dna"], dataset.frames["protein"], train))


def predict(
    trials: Trials, seeds: Sequence[Trained], live: Embedders, row: int, sequences: Sequence[str]
) -> np.ndarray:
    """Each seed's predictions for other DNA with the protein of `row`: [seeds, n, outputs]."""
    predicted = []
    for start in range(0, len(sequences), _AT_ONCE):
        dataset = _rewritten(trials.dataset, row, sequences[start : start + _AT_ONCE])
        states = live.embedded(dataset)
        # Placements depend only on the arm, which all seeds share.
        for view in seeds[0].arm.modalities:
            spans = [states[view].spans(sequence) for sequence in dataset.frames[view]]
            dataset = with_view(dataset, seeds[0], view, states[view], spans)
        predicted.append([trials.predict(trained, dataset) for trained in seeds])
    return np.concatenate(predicted, axis=1)


def expected_time(
    trials: Trials, arm: str, live: Embedders, synonyms: Synonyms, rows: Sequence[int]
) -> str:
    """How long `scan` of these rows will take, in words, judged by some mutants of the first."""
    frames = trials.dataset.frames
    sizes = [
        sum(map(len, (mutant.dna for mutant in synonyms.mutants(*both))))
        for both in ((frames["dna"][row], frames["protein"][row]) for row in rows)
    ]
    lengths = [len(frames["dna"][row]) for row in rows]
    mutants = sum(size // length for size, length in zip(sizes, lengths, strict=True))
    first = synonyms.mutants(frames["dna"][rows[0]], frames["protein"][rows[0]])[:_TIMED]
    started = time.monotonic()
    predict(trials, trials.arms[arm], live, rows[0], [mutant.dna for mutant in first])
    seconds = (time.monotonic() - started) * sum(sizes) / (len(first) * lengths[0])
    return (
        f"mutagenesis of {len(rows)} sequences: {mutants:,} mutants, about "
        f"{max(1, round(seconds / 60)):,} min by the first {len(first)} of them"
    )


def scan(trials: Trials, arm: str, live: Embedders, synonyms: Synonyms, row: int) -> Iterator[dict]:
    """Rows of `MUTANTS`: the change by each synonymous mutant of a record, for each seed and
    label."""
    dataset, seeds = trials.dataset, trials.arms[arm]
    mutants = synonyms.mutants(dataset.frames["dna"][row], dataset.frames["protein"][row])
    predicted = predict(trials, seeds, live, row, [mutant.dna for mutant in mutants])
    common = {"dataset": dataset.name, "method": arm, "id": dataset.ids[row]}
    common["codons"] = int(dataset.codons[row])
    for trained, outputs in zip(seeds, predicted, strict=True):
        changes = (outputs[1:] - outputs[0]).tolist()
        for mutant, change in zip(mutants[1:], changes, strict=True):
            facts = mutant._asdict()
            del facts["dna"]
            for label, value in zip(dataset.labels or [None], change, strict=True):
                yield common | facts | {"seed": trained.seed, "label": label, "change": value}


def _rewritten(dataset: Dataset, row: int, sequences: Sequence[str]) -> Dataset:
    """The dataset of mutants: `row` with other synonymous DNA."""
    count = len(sequences)
    return Dataset(
        dataset.name,
        [f"{dataset.ids[row]}, mutant {number}" for number in range(count)],
        np.full(count, "test", dtype=object),
        np.full(count, dataset.codons[row]),
        np.full(count, dataset.target[row]),
        dataset.labels,
        {
            "dna": list(sequences),
            "rna": [sequence.replace("T", "U") for sequence in sequences],
            "protein": [dataset.frames["protein"][row]] * count,
        },
    )


def _embedder(view: str, store: Store, folder: Path | None) -> Embedder:
    """The encoder in `folder`; raises `UserError` unless it is the one that made the store."""
    if folder is None:
        raise UserError(f"--{view}-encoder: give the encoder's folder, to embed mutants")
    made = store.description
    embedder = live_states.embedder(folder, made)
    for key, value in embedder.description.items():
        if key not in _DEVICE and value != made[key]:
            raise UserError(
                f"{folder}: not the encoder that made {store.folder} ({key} differs); give that"
                " one, or embed again with this one"
            )
    return embedder
