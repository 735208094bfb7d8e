"""A suite's records as prompts, and the frozen encoder states of their sequences."""

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
    """The rows of a table of cleaned records as dictionaries, read from the file at each iteration,
    so that memory does not grow with their number."""

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
        """Read one table for each dataset, in the same order."""
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
        """The same questions and answers, each with the DNA of another record of its split.

        All records are held in memory.
        """
        shuffled: dict[str, list[dict]] = {}
        for name, records in self.records.items():
            shuffled[name] = []
            for split in ("train", "val", "test"):
                rows = list(_of(records, split))
                for row, donor in zip(rows, derangement(len(rows)), strict=True):
                    dna = {column: rows[donor][column] for column in ("sequence", "variant")}
                    shuffled[name].append(row | dna)
        return Suite(shuffled)

    def training(self, settings: Settings) -> Iterator[Prompt]:
        """The training records of every dataset, with their answers."""
        for name, records in self.records.items():
            yield from prompts.for_training(name, _of(records, "train"), settings)

    def validation(self, settings: Settings, most: int) -> list[Prompt]:
        """At most `most` validation records with their answers, the same number of each dataset.

        They are drawn with a fixed seed, because a published file may be sorted by label. Records
        whose label occurs in no training record are left out, because they cannot be scored.
        """
        known = self.labels()
        share = max(1, most // len(self.records))
        chosen = []
        for name, records in self.records.items():
            labels = known.get(name, ())
            count = sum(row["label"] in labels for row in _of(records, "val"))
            drawn = set(np.random.default_rng(0).permutation(count)[:share].tolist())
            rows = (row for row in _of(records, "val") if row["label"] in labels)
            kept = (row for number, row in enumerate(rows) if number in drawn)
            chosen += prompts.for_training(name, kept, settings)
        return chosen

    def held_out(self, settings: Settings, validation_rows: int | None) -> Iterator[Prompt]:
        """Every dataset's test records and `validation_rows` of its val, as questions."""
        for name, records in self.records.items():
            val = [(record["id"], record["label"]) for record in _of(records, "val")]
            drawn = draws.drawn([label for _, label in val], validation_rows)
            left_out = {val[row][0] for row in np.flatnonzero(~drawn)}
            for prompt in prompts.for_prediction(name, records, settings):
                if prompt.id not in left_out:
                    yield prompt

    def lengths(self, dataset: str) -> list[int]:
        """The fewest and most nucleotides of a sequence or variant among the training records."""
        train = _of(self.records[dataset], "train")
        lengths = [len(row[name]) for row in train for name in ("sequence", "variant") if row[name]]
        return [min(lengths), max(lengths)]

    def sequences(self) -> Iterator[str]:
        """The sequences of all records, with repeats."""
        for records in self.records.values():
            for record in records:
                yield from filter(None, (record["sequence"], record["variant"]))


def read_states(
    datasets: Sequence[str], receipts: Sequence[Path], sequences: Iterable[str], folder: Path
) -> tuple[MemoryMap, str, int]:
    """The states of `sequences` as a memory map in `folder`, their store's key, and their width.

    There is one receipt for each dataset; all must be of one encoder with the same settings.
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
