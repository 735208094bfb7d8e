"""A server on loopback that behaves like the OpenAI API, and the command that asks it."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.cli import main

from .openai_server import KEY, Server


@pytest.fixture
def server():
    """A running server; every test scripts its own `behave`."""
    running = Server()
    yield running
    running.close()


class Judged:
    """Two test records with reasoning, one method's predictions, and the command."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.records([("r1", "kappa leads to cobalt ataxia"), ("r2", "sigma leads to anaemia")])
        self.texts({"r1": "<think> kappa leads to ataxia </think> Answer: x", "r2": "Answer: y"})

    def records(self, reasons, train=(), label="ataxia") -> None:
        """Write test records (id, reasoning) and training records (id, question, reasoning)."""
        rows = [
            {"id": name, "split": "test", "sequence": "A", "question": "q", "reasoning": text}
            | {"label": label}
            for name, text in reasons
        ]
        rows += [
            {"id": name, "split": "train", "sequence": "A", "question": asked, "reasoning": text}
            | {"label": label}
            for name, asked, text in train
        ]
        table = tables.from_rows(rows, tables.CLEAN)
        tables.write(self.folder / "records.parquet", table, tables.CLEAN)

    def texts(self, texts: dict, method="linear", seeds=(0,)) -> None:
        """Write one method's predictions."""
        rows = [
            {"id": name, "dataset": "d", "method": method, "seed": seed, "probe": "none"}
            | {"text": text}
            for seed in seeds
            for name, text in texts.items()
        ]
        table = tables.from_rows(rows, tables.PREDICTIONS)
        tables.write(self.folder / "predictions.parquet", table, tables.PREDICTIONS)

    def run(self, *extra, method="linear") -> int:
        """The exit status of `seqfuse judge`."""
        return main(self.words(*extra, method=method))

    def words(self, *extra, method="linear") -> list[str]:
        """The command line."""
        words = ["judge", "--suite", "s", "--method", method, "--datasets", "d"]
        words += ["--records", str(self.folder / "records.parquet")]
        words += ["--predictions", str(self.folder / "predictions.parquet")]
        words += ["--store", str(self.folder / "store")]
        return [*words, "--out", str(self.folder / "out.parquet"), *extra]

    def verdicts(self) -> pd.DataFrame:
        """What was written, held to its schema; of a server's judges where there is one."""
        rows = self.everything()
        asked = rows["judge"] != "word overlap"
        return rows[asked] if asked.any() else rows

    def everything(self) -> pd.DataFrame:
        """All that was written, held to its schema."""
        return tables.read(self.folder / "out.parquet", tables.VERDICTS).to_pandas()

    def statuses(self) -> Counter:
        """How many verdicts have each status."""
        return Counter(self.verdicts()["status"])


@pytest.fixture
def judged(tmp_path, monkeypatch) -> Judged:
    """Records and predictions; a key in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return Judged(tmp_path)
