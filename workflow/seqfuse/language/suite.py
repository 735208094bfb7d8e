"""A suite's records as prompts, and the frozen encoder states that belong to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.bio import draws, record_batches
from seqfuse.encoders.store.reader import MemoryMap, Store
from seqfuse.errors import UserError
from seqfuse.files import read_json
from seqfuse.language import prompts
from seqfuse.language.prompts import ClosedLabels, Prompt, Settings
from seqfuse.training.batches import derangement


@dataclass(frozen=True)
class Rows:
    """The rows of a table of cleaned records as dictionaries, read from its file whenever they are
    gone through, so that memory does not grow with them."""

    path: Path

    def __iter__(self) -> Iterator[dict]:
        for batch in record_batches.read(self.path, tables.CLEAN):
            yield from batch.to_pylist()


@dataclass(frozen=True)
class Suite:
    """Cleaned records (rows of `tables.CLEAN`) of every dataset that one model is trained on."""

    records: Mapping[str, Iterable[dict]]

    @classmethod
    def read(cls, datasets: Sequence[str], paths: Sequence[Path]) -> "Suite":
        """One table a dataset, in the same order."""
        _one_each("records", datasets, paths)
        return cls({name: Rows(path) for name, path in zip(datasets, paths, strict=True)})

    def labels(self) -> dict[str, list[str]]:
        """The closed labels of each dataset: those of its training records, sorted."""
        return {
            name: ClosedLabels(name, labels).labels
            for name, records in self.records.items()
            if (labels := [r["label"] for r in records if r["split"] == "train" and r["label"]])
        }

    def shuffled(self) -> "Suite":
        """The same questions and answers, each with the DNA of another record of its split, all of
        them in memory."""
        found: dict[str, list[dict]] = {}
        for name, records in self.records.items():
            found[name] = []
            for split in ("train", "val", "test"):
                rows = list(_of(records, split))
                for row, giver in zip(rows, derangement(len(rows)), strict=True):
                    dna = {column: rows[giver][column] for column in ("sequence", "variant")}
                    found[name].append(row | dna)
        return Suite(found)

    def training(self, settings: Settings) -> Iterator[Prompt]:
        """The training records of every dataset, with their answers."""
        for name, records in self.records.items():
            yield from prompts.for_training(name, _of(records, "train"), settings)

    def validation(self, settings: Settings, most: int) -> list[Prompt]:
        """At most `most` validation records with their answers, the same share of each dataset's.

        Which ones is drawn by a fixed seed, because a published file may be sorted by label. A
        record whose label no training record has is left out: there is nothing to score it by.
        """
        known = self.labels()
        share = max(1, most // len(self.records))
        chosen = []
        for name, records in self.records.items():
            labels = known.get(name, ())
            count = sum(row["label"] in labels for row in _of(records, "val"))
            drawn = set(np.random.default_rng(0).permutation(count)[:share].tolist())
            rows = (row for row in _of(records, "val") if row["label"] in labels)
            kept = (row for place, row in enumerate(rows) if place in drawn)
            chosen += prompts.for_training(name, kept, settings)
        return chosen

    def held_out(self, settings: Settings, validation_rows: int | None) -> Iterator[Prompt]:
        """The test records of every dataset and `validation_rows` of its val, as questions."""
        for name, records in self.records.items():
            val = [(record["id"], record["label"]) for record in _of(records, "val")]
            drawn = draws.drawn([label for _, label in val], validation_rows)
            left_out = {val[row][0] for row in np.flatnonzero(~drawn)}
            for prompt in prompts.for_prediction(name, records, settings):
                if prompt.id not in left_out:
                    yield prompt

    def sequences(self) -> Iterator[str]:
        """The sequences of all records, some more than once."""
        for records in self.records.values():
            for record in records:
                yield from filter(None, (record["sequence"], record["variant"]))


def read_states(
    datasets: Sequence[str], receipts: Sequence[Path], sequences: Iterable[str], folder: Path
) -> tuple[MemoryMap, str, int]:
    """The states of `sequences` as a memory map in `folder`, their store's key, and their width.

    There is one receipt a dataset; all must be of one encoder with one set of settings.
    """
    _one_each("embeddings", datasets, receipts)
    keys = {read_json(receipt).get("key"): receipt for receipt in receipts}
    if len(keys) > 1:
        first, second = list(keys.values())[:2]
        raise UserError(
            f"{second}: not of the same encoder and settings as {first}; embed all datasets of a"
            " suite with one `seqfuse embeddings write`"
        )
    store = Store.open(receipts[0])
    return store.memory_map(sequences, folder), store.key, store.width


def _of(records: Iterable[Mapping], split: str) -> Iterator[Mapping]:
    return (record for record in records if record["split"] == split)


def _one_each(flag: str, datasets: Sequence[str], paths: Sequence[Path]) -> None:
    if len(datasets) != len(paths):
        raise UserError(
            f"--{flag}: {len(paths)} files for {len(datasets)} datasets; give one each, in order"
        )
