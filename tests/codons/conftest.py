"""A small set of study B on disk: records, frames, and a store of made-up token states."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from seqfuse import tables
from seqfuse.bio.frames import code
from seqfuse.codons.train import MODALITIES
from seqfuse.codons.training import Training
from seqfuse.codons.training_job import Job
from seqfuse.encoders.models import random_models
from seqfuse.encoders.store.rows import Row, sequence_hash
from seqfuse.encoders.store.writer import Writer
from seqfuse.files import write_json
from seqfuse.registry.arms import ARMS
from seqfuse.sequences import clusters

WIDTHS = {"dna": 8, "rna": 6, "protein": 5}
SIZES = {"train": 24, "val": 10, "test": 10}
RESIDUE = code(1)
SENSE = sorted(codon for codon, residue in RESIDUE.items() if residue != "*")


@dataclass(frozen=True)
class Study:
    """Where the files of the set lie, and the rows that they were made from."""

    folder: Path
    records: list[dict]
    frames: list[dict]
    models: dict[str, Path]

    @property
    def receipts(self) -> dict[str, Path]:
        """A receipt a modality."""
        return {view: self.folder / f"{view}.json" for view in MODALITIES}

    def write(self, folder: Path, records=None, frames=None) -> "Study":
        """The same set elsewhere, with other records or frames and the same embeddings."""
        records, frames = records or self.records, frames or self.frames
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows, schema in (
            ("records", records, tables.CLEAN),
            ("frames", frames, tables.FRAMES),
        ):
            tables.write(folder / f"{name}.parquet", tables.from_rows(rows, schema), schema)
        clusters.write(folder / "records.parquet", folder / "clusters.parquet")
        for view, receipt in self.receipts.items():
            (folder / f"{view}.json").write_bytes(receipt.read_bytes())
        return Study(folder, records, frames, self.models)

    def job(self, arm: str, state: Path, seeds=(0, 1), **settings) -> Job:
        """The job that `seqfuse codons train` makes of these files."""
        made = training(**settings)
        tuned = ARMS[arm].trains(made.tuned)
        models = {view: self.models[view] for view in tuned}
        receipts = {v: self.receipts[v] for v in ARMS[arm].modalities if v not in tuned}
        records, frames = self.folder / "records.parquet", self.folder / "frames.parquet"
        files = (records, frames, receipts, models)
        return Job(ARMS[arm], "small", *files, made, seeds, state / arm, 1)


def training(**changed) -> Training:
    """Small settings: the schema's, then the tests', then `changed`."""
    small = {"epochs": 3, "batch": 8, "parameter_budget": 0, "width": 8, "channels": 4}
    return Training(**small | changed)


@pytest.fixture(scope="session", name="training")
def training_of():
    """The function above, for tests that make settings of their own."""
    return training


def spans_of(view: str, letters: str) -> np.ndarray:
    """Spans as the store has them: 6-mers and a tail of single bases, codons, or residues."""
    size = {"dna": 6, "rna": 3, "protein": 1}[view]
    whole = len(letters) // size * size
    tail = np.arange(whole, len(letters))[:, None] + np.array([[0, 1]])
    return np.concatenate([np.arange(0, whole, size)[:, None] + np.array([[0, size]]), tail])


def _encoder(view: str, folder: Path) -> Path:
    """A tiny encoder of one modality."""
    layout, config = {
        "dna": ("nucleotide-transformer-v2", ("hidden_size", "intermediate_size")),
        "rna": ("rna-fm", ("embed_dim", "ffn_embed_dim")),
        "protein": ("esm2", ("hidden_size", "intermediate_size")),
    }[view]
    folder.mkdir(parents=True)
    random_models.write(layout, dict.fromkeys(config, 16), 0, [], folder)
    return folder


def _states(view: str, letters: str, spans: np.ndarray) -> np.ndarray:
    """One state a token, drawn from a generator seeded by the token's letters."""
    rows = []
    for start, end in spans:
        seed = np.frombuffer(f"{view}{letters[start:end]}".encode(), np.uint8)
        rows.append(np.random.default_rng(seed).normal(size=WIDTHS[view]))
    return np.array(rows, np.float16)


def _rows() -> tuple[list[dict], list[dict]]:
    """44 sequences of 2 to 23 codons; the value is the share of codons that end in G or C."""
    rng, records, frames = np.random.default_rng(5), [], []
    splits = [split for split, size in SIZES.items() for _ in range(size)]
    for number, split in enumerate(splits):
        codons = rng.choice(SENSE, size=2 + number // 2).tolist()
        dna = "".join(codons)
        value = float(np.mean([codon[2] in "GC" for codon in codons])) + 0.01 * number
        records.append({"id": f"r{number}", "split": split, "sequence": dna, "value": value})
        protein = "".join(RESIDUE[codon] for codon in codons)
        views = {"dna": dna, "rna": dna.replace("T", "U"), "protein": protein}
        facts = {"codons": len(codons), "tail": 0, "start": False, "stop": False}
        frames.append({"id": f"r{number}", "internal_stops": 0} | views | facts)
    order = rng.permutation(len(records)).tolist()
    records = [records[i] | {"split": splits[n]} for n, i in enumerate(order)]
    return records, frames


@pytest.fixture(autouse=True)
def one_thread():
    """One thread and one seed, so that every test gives the same numbers wherever it runs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    """The regression set, with a store."""
    folder = tmp_path_factory.mktemp("study")
    records, frames = _rows()
    for view in MODALITIES:
        made = {"layer": 2, "too_long": "refuse", "files": {}}
        description = {"width": WIDTHS[view], "stored": "float16", "view": view} | made
        with Writer(folder / "store", description) as writer:
            for letters in sorted({frame[view] for frame in frames}):
                spans = spans_of(view, letters)
                states = _states(view, letters, spans)
                pooled = states.astype(np.float32).mean(0)
                row = Row(sequence_hash(letters), len(letters), states, spans, pooled)
                writer.add(row)
        model = str(folder / "models" / view)
        receipt = {"store": str(folder / "store"), "key": writer.key, "model": model}
        write_json(folder / f"{view}.json", receipt)
    models = {view: _encoder(view, folder / "models" / view) for view in MODALITIES}
    return Study(folder, records, frames, models).write(folder / "files")


@pytest.fixture(scope="session")
def classes(study, tmp_path_factory) -> Study:
    """The same sequences with three labels instead of values."""
    labels = ("high", "low", "middle")
    records = []
    for record in study.records:
        label = labels[min(int(record["value"] * 3), 2)]
        records.append(record | {"value": None, "label": label})
    return study.write(tmp_path_factory.mktemp("classes"), records)
