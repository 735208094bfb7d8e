"""A suite's records as prompts, and the frozen encoder states that belong to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.embeddings.store import MemoryMap, Store
from seqfuse.errors import UserError
from seqfuse.files import read_json
from seqfuse.language import prompts
from seqfuse.language.batches import others
from seqfuse.language.prompts import ClosedLabels, Prompt, Settings


@dataclass(frozen=True)
class Suite:
    """Cleaned records (rows of `tables.CLEAN`) of every dataset that one model is trained on."""

    records: Mapping[str, list[dict]]

    @classmethod
    def read(cls, datasets: Sequence[str], paths: Sequence[Path]) -> "Suite":
        """One table a dataset, in the same order."""
        _one_each("records", datasets, paths)
        return cls(
            {
                name: tables.read(path, tables.CLEAN).to_pylist()
                for name, path in zip(datasets, paths, strict=True)
            }
        )

    def labels(self) -> dict[str, list[str]]:
        """The closed labels of each dataset: those of its training records, sorted."""
        return {
            name: ClosedLabels(name, labels).labels
            for name, records in self.records.items()
            if (labels := [r["label"] for r in records if r["split"] == "train" and r["label"]])
        }

    def shuffled(self) -> "Suite":
        """The same questions and answers, each with the DNA of another record of its split."""
        found: dict[str, list[dict]] = {}
        for name, records in self.records.items():
            found[name] = []
            for split in ("train", "val", "test"):
                rows = _of(records, split)
                for row, giver in zip(rows, others(len(rows)), strict=True):
                    dna = {column: rows[giver][column] for column in ("sequence", "variant")}
                    found[name].append(row | dna)
        return Suite(found)

    def training(self, settings: Settings) -> list[Prompt]:
        """The training records of every dataset, with their answers."""
        return [
            prompt
            for name, records in self.records.items()
            for prompt in prompts.for_training(name, _of(records, "train"), settings)
        ]

    def validation(self, settings: Settings, most: int) -> list[Prompt]:
        """At most `most` validation records with their answers, the same share of each dataset's.

        Which ones is drawn by a fixed seed, because a published file may be sorted by label. A
        record whose label no training record has is left out: there is nothing to score it by.
        """
        known = self.labels()
        share = max(1, most // len(self.records))
        chosen = []
        for name, records in self.records.items():
            rows = [r for r in _of(records, "val") if r["label"] in known.get(name, ())]
            drawn = np.random.default_rng(0).permutation(len(rows))[:share]
            chosen += prompts.for_training(name, [rows[i] for i in sorted(drawn)], settings)
        return chosen

    def sequences(self) -> list[str]:
        """The distinct sequences of all records, in order of appearance."""
        found = {
            record[column]: None
            for records in self.records.values()
            for record in records
            for column in ("sequence", "variant")
            if record[column]
        }
        return list(found)


def read_states(
    datasets: Sequence[str], receipts: Sequence[Path], sequences: Sequence[str], folder: Path
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


def _of(records: Sequence[Mapping], split: str) -> list[Mapping]:
    return [record for record in records if record["split"] == split]


def _one_each(flag: str, datasets: Sequence[str], paths: Sequence[Path]) -> None:
    if len(datasets) != len(paths):
        raise UserError(
            f"--{flag}: {len(paths)} files for {len(datasets)} datasets; give one each, in order"
        )
