"""A small suite on disk and the command that scores it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.sequences import clusters

_LETTERS = str.maketrans("0123", "ACGT")


@dataclass
class Suite:
    """Records, predictions and costs of one suite; `run` evaluates what was written."""

    folder: Path
    study: str = "language"
    name: str = "suite"
    records: dict[str, Path] = field(default_factory=dict)
    predictions: list[Path] = field(default_factory=list)
    probes: list[Path] = field(default_factory=list)
    costs: list[Path] = field(default_factory=list)

    def dataset(self, name: str, rows: list[dict]) -> None:
        """Write cleaned records; id, split and sequence have defaults, which differ by row."""
        defaults = [
            {"split": "test", "id": f"r{i}", "sequence": np.base_repr(i, 4).translate(_LETTERS)}
            for i in range(len(rows))
        ]
        rows = [default | row for default, row in zip(defaults, rows, strict=True)]
        self.records[name] = self.folder / f"{name}.records.parquet"
        table = tables.from_rows(rows, tables.CLEAN)
        tables.write(self.records[name], table, tables.CLEAN)
        clusters.write(self.records[name], self._clusters(name))

    def _clusters(self, name: str) -> Path:
        return self.folder / f"{name}.clusters.parquet"

    def predict(self, name: str, rows: list[dict]) -> Path:
        """Write a table of predictions; method, seed, probe and dataset have defaults."""
        self.predictions.append(self._write(name, "predictions", rows))
        return self.predictions[-1]

    def probe(self, name: str, rows: list[dict]) -> Path:
        """Write a table of probes, unaltered rows included."""
        self.probes.append(self._write(name, "probes", rows))
        return self.probes[-1]

    def _write(self, name: str, kind: str, rows: list[dict]) -> Path:
        first = next(iter(self.records), "data")
        defaults = {"dataset": first, "method": name, "seed": 0, "probe": "none"}
        path = self.folder / f"{name}.{kind}.parquet"
        table = tables.from_rows([defaults | row for row in rows], tables.PREDICTIONS)
        tables.write(path, table, tables.PREDICTIONS)
        return path

    def train(self, method: str, kind: str = "method", seeds: tuple = (0,), size: int = 7) -> None:
        """Write a cost.json as training does."""
        cost = {"study": self.study, "suite": self.name, "method": method, "kind": kind}
        cost["seeds"] = [{"seed": seed, "trained_parameters": size} for seed in seeds]
        path = self.folder / f"{method}.cost.json"
        path.write_text(json.dumps(cost))
        self.costs.append(path)

    def run(self, *extra: str) -> int:
        """The exit status of `seqfuse evaluation`."""
        words = ["evaluation", "--study", self.study, "--suite", self.name, "--datasets"]
        words += [*self.records, "--records", *map(str, self.records.values())]
        words += ["--clusters", *(str(self._clusters(name)) for name in self.records)]
        words += ["--predictions", *map(str, self.predictions)]
        words += ["--costs", *map(str, self.costs)] if self.costs else []
        words += ["--probes", *map(str, self.probes)] if self.probes else []
        return main([*words, "--out", str(self.folder / "out"), *extra])

    def metrics(self) -> pd.DataFrame:
        """metrics.parquet, indexed by what tests ask for."""
        frame = pd.read_parquet(self.folder / "out" / "metrics.parquet")
        keys = ["dataset", "split", "subset", "method", "probe", "metric"]
        return frame.set_index(keys).sort_index()

    def comparisons(self) -> pd.DataFrame:
        """comparisons.parquet, indexed by dataset, subset, method and what it is held against."""
        frame = pd.read_parquet(self.folder / "out" / "comparisons.parquet")
        frame = frame[frame["probe"] == "none"]
        return frame.set_index(["dataset", "subset", "method", "against"]).sort_index()


@pytest.fixture
def suite(tmp_path) -> Suite:
    """An empty suite of study A."""
    return Suite(tmp_path)
