"""How much disk a job needs, from files whose sizes are known by hand."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from seqfuse.plan import disk

HIDDEN = {"output": "hidden", "dtype": "float16"}


@pytest.fixture
def table(tmp_path):
    """Three distinct sequences of 6, 9 and 12 letters, one of them twice, and a null."""
    columns = {"sequence": ["ACGTAC", "A" * 9, "ACGTAC"], "variant": [None, "A" * 9, "C" * 12]}
    pq.write_table(pa.table({"id": ["a", "b", "c"], **columns}), tmp_path / "records.parquet")
    return tmp_path / "records.parquet"


@pytest.fixture
def model(tmp_path):
    """A model of 5 x 4 + 4 weights in half precision, 8 wide, with 30 tokens."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8, "vocab_size": 30}))
    tensors = {"w": np.zeros((5, 4), np.float16), "b": np.zeros(4, np.float16)}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


# Tokens: 1 + (1 + 3) + 2 of six letters, 6 + 9 + 12 of one, 2 + 3 + 4 codons.
@pytest.mark.parametrize(
    ("layout", "resolution", "tokens"),
    [
        ("nucleotide-transformer-v2", "native", 7),
        ("rna-fm", "native", 27),
        ("rna-fm", "codon", 9),
        ("nucleotide-transformer-v2", "codon", 9),
    ],
)
def test_embeddings_take_what_each_distinct_sequence_has_in_tokens(
    table, model, layout, resolution, tokens
):
    columns = ["sequence", "variant"]
    found = disk.embeddings(table, columns, resolution, model, layout, HIDDEN)
    assert found == tokens * 8 * 2 + 3 * 8 * 4


def test_logits_are_as_wide_as_the_vocabulary(table, model):
    settings = {"output": "logits", "dtype": "float32"}
    found = disk.embeddings(table, ["variant"], "native", model, "esm2", settings)
    assert found == (9 + 12) * 30 * 4 + 2 * 30 * 4


def test_a_memory_map_is_what_its_receipts_cover(table, tmp_path):
    (tmp_path / "store" / "key").mkdir(parents=True)
    made = {"layout": "esm2", "stored": "float32"}
    (tmp_path / "store" / "key" / "key.json").write_text(json.dumps(made))
    receipt = {"store": str(tmp_path / "store"), "key": "key", "table": str(table), "width": 8}
    receipt |= {"columns": ["sequence"], "resolution": "native"}
    (tmp_path / "receipt.json").write_text(json.dumps(receipt))
    assert disk.mapped([tmp_path / "receipt.json"] * 2) == 2 * ((6 + 9) * 8 * 4 + 2 * 8 * 4)


def test_weights_are_counted_from_the_headers_whatever_their_precision(model):
    assert disk.weights(model) == (24, 24)
    assert disk.weights(model, lora_rank=2) == (24, 2 * (5 + 4))


def test_a_folder_without_safetensors_counts_by_its_size(tmp_path):
    (tmp_path / "weights.pth").write_bytes(bytes(4_000_000))
    whole, _ = disk.weights(tmp_path)
    assert 1_000_000 <= whole < 1_010_000


def test_a_manifest_stands_for_its_folder(tmp_path):
    (tmp_path / "weights").write_bytes(bytes(1000))
    (tmp_path / "manifest.json").write_bytes(b"{}")
    assert disk.size([tmp_path / "manifest.json"]) >= 1002
    # The missing input itself is named, which Snakemake takes for "not known yet".
    with pytest.raises(FileNotFoundError) as missing:
        disk.size([tmp_path / "later" / "manifest.json"])
    assert missing.value.filename == str(tmp_path / "later" / "manifest.json")


def test_checkpoints_are_those_that_lie_there_together():
    # Three of 4 bytes a weight; to resume from, one a seed and a trial, and one in the making.
    assert disk.checkpoints(100, 10, seeds=3, trials=1) == 3 * 400 + 4 * 160
    assert disk.checkpoints(100, 10, seeds=3, trials=2) == 3 * 400 + 6 * 160


def test_nothing_there_yet_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        disk.embeddings(tmp_path / "no", ["dna"], "native", tmp_path / "no", "esm2", HIDDEN)


def test_what_cannot_be_read_is_told_as_such(table, model, tmp_path):
    columns = ["sequence"]
    (tmp_path / "cut.json").write_text('{"store": ')
    (tmp_path / "foreign.json").write_text('{"store": "here"}')
    (tmp_path / "cut.parquet").write_bytes(table.read_bytes()[:-20])
    for name in ("cut.json", "foreign.json"):
        with pytest.raises(disk.Unreadable, match=name):
            disk.mapped([tmp_path / name])
    with pytest.raises(disk.Unreadable, match="cut.parquet"):
        disk.embeddings(tmp_path / "cut.parquet", columns, "native", model, "esm2", HIDDEN)
    (model / "config.json").write_text("{}")
    with pytest.raises(disk.Unreadable, match="config.json"):
        disk.embeddings(table, columns, "native", model, "esm2", HIDDEN)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:40])
    with pytest.raises(disk.Unreadable, match="model.safetensors"):
        disk.weights(model)


def test_a_mistake_of_the_project_is_not_taken_for_a_file_that_cannot_be_read(table, model):
    with pytest.raises(KeyError):
        disk.embeddings(table, ["sequence"], "native", model, "esm2", {"output": "hidden"})
