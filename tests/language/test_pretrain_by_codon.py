"""SeqCLIP on stored states: what it learns is what a frozen encoder of these states would learn."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seqfuse import cli, encoders, tables
from seqfuse.language.pretraining.contrastive_pretraining import Contrast, Pair, pieces
from seqfuse.language.pretraining.stored_means import StoredMeans


@pytest.fixture(scope="module")
def receipt(project, tmp_path_factory):
    """The receipt of the small encoder's states of all genes."""
    path = tmp_path_factory.mktemp("genes") / "nt.json"
    argv = ["embeddings", "write", "--columns", "sequence", "--model", project / "nt"]
    argv += ["--table", project / "genes" / "records.parquet", "--store", project / "store"]
    assert cli.main([*map(str, argv), "--out", str(path)]) == 0
    return path


def test_fused_encoder_shows_a_gene_as_the_mean_of_its_states(project, receipt):
    genes = tables.read(project / "genes" / "records.parquet", tables.CLEAN)
    sequences = genes["sequence"].to_pylist()[:6]
    sides = []
    for encoder in (encoders.load(project / "nt"), StoredMeans(receipt, sequences)):
        torch.manual_seed(0)
        method = Contrast(encoder, 5, 32, 0.07, train_encoder=False)
        # A reference and its variant, and single genes.
        shown = [sequences[:2], *([one] for one in sequences[2:])]
        tokens = [[[encoder.tokenise_any_length(one)] for one in gene] for gene in shown]
        one = np.ones(1, np.float32)
        sides.append(method.genes([Pair({}, pieces(gene), one, one) for gene in tokens]))
    torch.testing.assert_close(*sides, atol=1e-5, rtol=1e-4)


def test_fused_encoder_stays_while_its_adapter_is_pulled(commands, receipt, tmp_path):
    # All pairs are one batch: smaller ones are made of genes of similar length, and stored genes
    # have none.
    given = ["--batch", 16, "--train-encoder", "false"]
    frozen = commands.pretrain(tmp_path / "frozen", *given)
    words = commands.pretraining(tmp_path / "stored")
    place = words.index("--encoder")
    words[place : place + 2] = ["--states", receipt]
    commands.run(*words, *given)
    assert not (tmp_path / "stored" / "encoder").exists() and (frozen / "encoder").is_dir()
    kept, stored = (
        load_file(tmp_path / name / "adapter.safetensors") for name in ("frozen", "stored")
    )
    for name, tensor in kept.items():
        torch.testing.assert_close(stored[name], tensor, atol=1e-4, rtol=1e-3)
    facts = json.loads((tmp_path / "stored" / "model.json").read_text())
    assert facts["layout"] == "fused" and facts["held_out_pairs"] == 4
    said = commands.refused([*words, "--out", tmp_path / "no"])
    assert "--states: stored states cannot be trained; add --train-encoder false" in said
