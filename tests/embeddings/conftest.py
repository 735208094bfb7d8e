"""Tiny scratch encoders, tables of sequences, and stores of made-up rows."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.cli import main
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import Row
from seqfuse.encoders.store.writer import Writer

WIDTH = 4


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder for each layout, and an RNA-FM that takes 14 nucleotides at most."""
    folder = tmp_path_factory.mktemp("models")
    small = '{"kind": "scratch", "layout": "rna-fm", "config": {"max_positions": 16}}'
    entries = {
        name: f'{{"kind": "scratch", "layout": "{name}"}}'
        for name in ("rna-fm", "nucleotide-transformer-v2", "esm2")
    } | {"short": small}
    for name, entry in entries.items():
        words = ["data", "model", "--name", name, "--entry", entry, "--out", str(folder / name)]
        assert main(words) == 0
    return folder


@pytest.fixture
def write(models, tmp_path):
    """Run `embeddings write` on columns of sequences; gives the exit status, or the open store."""

    def run(columns, model, *flags, store="store"):
        rows = max(len(sequences) for sequences in columns.values())
        table = {"id": [f"row{row}" for row in range(rows)]} | {
            name: sequences + [None] * (rows - len(sequences))
            for name, sequences in columns.items()
        }
        pq.write_table(pa.table(table), tmp_path / "table.parquet")
        receipt = tmp_path / "receipt.json"
        receipt.unlink(missing_ok=True)
        words = ["embeddings", "write", "--table", str(tmp_path / "table.parquet")]
        words += ["--columns", *columns, "--model", str(models / model), *flags]
        status = main([*words, "--store", str(tmp_path / store), "--out", str(receipt)])
        return Store.open(receipt) if status == 0 else status

    return run


@pytest.fixture(scope="session")
def random_sequences():
    """(alphabet, lengths) -> one random sequence a length, always the same ones."""

    def draw(alphabet, lengths):
        random = np.random.default_rng(0)
        return ["".join(random.choice(list(alphabet), length)) for length in lengths]

    return draw


@pytest.fixture(scope="session")
def description():
    """What the keys of made-up rows are made of."""
    return {
        "layout": "made-up",
        "layer": 2,
        "output": "hidden",
        "resolution": "native",
        "width": WIDTH,
        "stored": "float16",
    }


@pytest.fixture(scope="session")
def made_up():
    """A sequence -> a row of numbers that follow from it."""

    def row(sequence):
        name = hashlib.sha256(sequence.encode()).digest()
        random = np.random.default_rng(list(name))
        states = random.normal(size=(len(sequence), WIDTH)).astype(np.float16)
        starts = np.arange(len(sequence), dtype=np.int32)
        spans = np.stack([starts, starts + 1], axis=1)
        return Row(name, len(sequence), states, spans, states.mean(axis=0, dtype=np.float32))

    return row


@pytest.fixture(scope="session")
def fill(description, made_up):
    """Write made-up rows of sequences into a store, one run of the writer; gives the open store."""

    def run(folder, sequences):
        with Writer(folder, description) as writer:
            for sequence in sequences:
                writer.add(made_up(sequence))
        return Store(writer.folder)

    return run
