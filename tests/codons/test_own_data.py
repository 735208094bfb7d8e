"""A trained arm on new sequences: from its folder alone, to the bytes of the pipeline."""

import csv
import shutil
import subprocess
import sys

import numpy as np
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.codons import checkpoint
from seqfuse.codons.application.training_facts import distances, root_usage
from seqfuse.codons.train import MODALITIES
from seqfuse.encoders import store_writer
from seqfuse.files import read_json, write_json

RESOLUTION = {"dna": "native", "rna": "codon", "protein": "native"}


@pytest.fixture(scope="module")
def embedded(study, tmp_path_factory):
    """The small set with the states of its tiny encoders in a store, as the pipeline makes them."""
    folder = tmp_path_factory.mktemp("embedded")
    for view, model in study.models.items():
        write_json(model / "model.json", {"name": f"tiny-{view}", "scratch": True})
        words = ["--table", study.folder / "frames.parquet", "--columns", view, "--model", model]
        words += ["--resolution", RESOLUTION[view], "--store", folder / "store"]
        assert run("embeddings", "write", *words, "--out", folder / f"{view}.json") == 0
    for name in ("records", "frames", "clusters"):
        shutil.copy(study.folder / f"{name}.parquet", folder)
    return folder


def run(*words) -> int:
    return main(list(map(str, words)))


@pytest.fixture(scope="module")
def trained(embedded, study):
    """Train an arm by its command; the folder, once for all tests."""
    made = {}

    def train(arm: str, *more: str):
        if (arm, *more) not in made:
            out = embedded / "codons" / "-".join((arm, *more)).replace("--", "")
            words = ["--dataset", "small", "--arm", arm, "--out", out, "--seeds", 0, 1]
            for name in ("records", "frames", "clusters"):
                words += [f"--{name}", embedded / f"{name}.parquet"]
            tuned = arm.endswith("_lora")
            for view in MODALITIES:
                flag, place = (f"{view}-model", study.models[view]) if tuned else (view, None)
                words += [f"--{flag}", place or embedded / f"{view}.json"]
            words += ["--state", embedded / "state" / out.name, "--epochs", 2, "--batch", 8]
            words += ["--parameter-budget", 0, "--width", 8, "--channels", 4, *more]
            assert run("codons", "train", *words) == 0
            made[arm, *more] = out
        return made[arm, *more]

    return train


@pytest.fixture
def held_out(study, tmp_path):
    """The rows that the pipeline predicts, in its order, as a table of one's own."""
    rows = [r for split in ("val", "test") for r in study.records if r["split"] == split]
    path = tmp_path / "new.csv"
    path.write_text("name,cds\n" + "".join(f"{r['id']},{r['sequence'].lower()}\n" for r in rows))
    return path


def copied(folder, elsewhere):
    """The folder of an arm where neither the store nor the encoders are as far as they were."""
    copy = shutil.copytree(folder, elsewhere / "of" / "another" / "machine" / folder.name)
    for encoder in checkpoint.describe(copy / "seed0.safetensors").encoders.values():
        assert not (copy / encoder["folder"]).is_dir()
    return copy


COLUMNS = ("--columns", "id=name", "sequence=cds")


def of_pipeline(folder) -> list[dict]:
    rows = tables.read(folder / "predictions.parquet", tables.PREDICTIONS).to_pylist()
    return [row for row in rows if row["probe"] == "none"]


@pytest.mark.parametrize("arm", ["concat", "mil", "onehot", "concat_lora"])
def test_own_data_a_copied_arm_gives_the_bytes_of_the_pipeline(
    arm, trained, held_out, study, tmp_path, capsys
):
    made, copy, out = trained(arm), copied(trained(arm), tmp_path), tmp_path / "said.parquet"
    words = ["--model", copy, "--input", held_out, *COLUMNS]
    assert run("codons", "predict", *words, "--out", out) == 0
    assert tables.read(out, tables.PREDICTIONS).to_pylist() == of_pipeline(made)
    said = capsys.readouterr().err
    assert "its training range: " in said and "its score: " in said
    assert not list(tmp_path.glob(".*"))
