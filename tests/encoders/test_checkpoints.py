"""Every tensor is accounted for: the real models' key lists, and checkpoints that do not fit."""

import argparse
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqfuse import encoders
from seqfuse.encoders.models.tokenisers import EsmTokeniser, RnaFmTokeniser
from seqfuse.errors import UserError

KEYS = json.loads((Path(__file__).parent / "golden" / "keys.json").read_text())
# Table of the checkpoints that transformers wrote; fair-esm's has none, and nothing reads it.
POSITIONS = "esm.embeddings.position_embeddings.weight"


@pytest.mark.parametrize("model", KEYS)
def test_names_and_shapes_of_the_real_models(goldens, model):
    real = KEYS[model]
    kind = encoders.implementation(real["layout"])
    config, wanted = real["config"], dict(real["keys"])
    if real["layout"] == "rna-fm":
        tokeniser = RnaFmTokeniser()
    else:
        name = "ntv2" if "nucleotide" in model else "esm2"
        tokeniser = EsmTokeniser.read(goldens[name].folder)
        if name == "esm2":
            inner = 4 * config["hidden_size"]
            config = goldens["esm2"].facts["config"] | config | {"intermediate_size": inner}
            wanted[POSITIONS] = [1026, config["hidden_size"]]
    with torch.device("meta"):
        encoder = kind(config, tokeniser)
    found = {name: list(tensor.shape) for name, tensor in encoder.state_dict().items()}
    assert found == wanted
    # The references count the contact head and the position table, which are buffers here.
    unused = sum(
        tensor.numel()
        for name, tensor in encoder.named_buffers()
        if not name.endswith("inv_freq") and (name in real["keys"])
    )
    assert sum(p.numel() for p in encoder.parameters()) + unused == real["parameters"]


def test_save_writes_what_was_loaded(golden, tmp_path):
    encoders.load(golden.folder).save(tmp_path)
    saved, original = load_file(tmp_path / "model.safetensors"), golden.weights
    assert saved.keys() == original.keys()
    assert all(torch.equal(saved[name], original[name]) for name in saved)
    for file in golden.folder.iterdir():
        if file.suffix == ".json":
            assert json.loads((tmp_path / file.name).read_text()) == json.loads(file.read_text())
    encoders.load(tmp_path)


def test_the_layout_is_found_by_its_config(golden):
    encoder = encoders.load(golden.folder)
    wanted = {
        "ntv2": ("nucleotide-transformer-v2", "dna"),
        "rnafm": ("rna-fm", "rna"),
        "esm2": ("esm2", "protein"),
    }
    assert (encoder.layout, encoder.modality) == wanted[golden.name]
    assert (encoder.width, encoder.depth, encoder.training) == (64, 3, False)


@pytest.fixture
def broken(golden, tmp_path):
    """A function that writes the golden checkpoint with other tensors and loads it."""

    def load(change=None, tensors=None):
        shutil.copytree(golden.folder, tmp_path, dirs_exist_ok=True)
        tensors = tensors or dict(golden.weights)
        if change:
            change(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        return encoders.load(tmp_path)

    return load


BIAS = {
    "ntv2": "esm.encoder.layer.1.attention.self.query.bias",
    "rnafm": "layers.1.self_attn.q_proj.bias",
    "esm2": "esm.encoder.layer.1.attention.self.query.bias",
}


def test_a_missing_tensor_is_named(golden, broken):
    with pytest.raises(UserError, match=f"tensor {BIAS[golden.name]} is missing"):
        broken(lambda tensors: tensors.pop(BIAS[golden.name]))


def test_every_single_tensor_is_needed(golden, broken, monkeypatch):
    optional = {name for name in golden.weights if "contact_head" in name}
    from seqfuse.encoders.models import checkpoint

    accepted = set()
    for name in golden.weights:
        rest = {key: value for key, value in golden.weights.items() if key != name}
        monkeypatch.setattr(checkpoint, "read", lambda folder, rest=rest: rest)
        try:
            encoders.load(golden.folder)
            accepted.add(name)
        except UserError as error:
            assert f"tensor {name} is missing" in str(error)
    assert accepted == optional


def test_a_foreign_tensor_is_named(broken):
    with pytest.raises(UserError, match="tensor esm.pooler.dense.bias is not part of the model"):
        broken(lambda tensors: tensors.update({"esm.pooler.dense.bias": torch.zeros(3)}))


def test_a_tensor_of_another_shape_is_named(golden, broken):
    message = rf"tensor {BIAS[golden.name]} has the shape \[63\], but config.json needs \[64\]"
    with pytest.raises(UserError, match=message):
        broken(lambda tensors: tensors.update({BIAS[golden.name]: torch.zeros(63)}))


TIED = {
    "rnafm": ("lm_head.weight", "embed_tokens.weight"),
    "esm2": ("lm_head.decoder.weight", "esm.embeddings.word_embeddings.weight"),
}


@pytest.mark.parametrize("golden", TIED, indirect=True)
def test_a_tied_tensor_may_stand_twice_if_equal(golden, broken):
    second, first = TIED[golden.name]
    encoder = broken(lambda tensors: tensors.update({second: tensors[first].clone()}))
    assert encoder.get_parameter(second) is encoder.get_parameter(first)
    with pytest.raises(UserError, match=f"{first} and {second} are tied, but differ"):
        broken(lambda tensors: tensors.update({second: tensors[first] + 1}))


def test_the_published_pth_of_rna_fm(goldens, tmp_path):
    golden = goldens["rnafm"]
    # The loader of the reference drops these prefixes and zeroes the row of <mask> (24).
    model = {f"encoder.sentence_encoder.{name}": t for name, t in golden.weights.items()}
    model = {name.replace("sentence_encoder.lm_head", "lm_head"): t for name, t in model.items()}
    table = "encoder.sentence_encoder.embed_tokens.weight"
    model[table] = model[table].clone()
    model[table][24] = 7.0
    model["encoder.lm_head.weight"] = model[table]
    arguments = argparse.Namespace(arch="roberta_large")
    torch.save({"args": arguments, "model": model}, tmp_path / "RNA-FM_pretrained.pth")
    shutil.copy(golden.folder / "config.json", tmp_path)
    found, wanted = encoders.load(tmp_path).state_dict(), encoders.load(golden.folder).state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_pickle_that_would_run_code_is_refused(goldens, tmp_path):
    class Attack:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"model": Attack()}, tmp_path / "weights.pth")
    shutil.copy(goldens["rnafm"].folder / "config.json", tmp_path)
    with pytest.raises(UserError, match="not a checkpoint of plain tensors"):
        encoders.load(tmp_path)


def test_shards(golden, tmp_path):
    shutil.copytree(golden.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").unlink()
    names = sorted(golden.weights)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, part in shards.items():
        save_file({name: golden.weights[name] for name in part}, tmp_path / shard)
    places = {name: shard for shard, part in shards.items() for name in part}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    found, wanted = encoders.load(tmp_path).state_dict(), encoders.load(golden.folder).state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(UserError, match="b.safetensors: no such file"):
        encoders.load(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", b"not tensors", "model.safetensors: not a readable safetensors file"),
        ("model.safetensors", None, "model.safetensors: no such file"),
        ("config.json", None, "config.json: no such file"),
        ("config.json", b"{", "config.json: not valid JSON"),
        ("config.json", b'{"model_type": "bert"}', "not the config.json of an encoder"),
    ],
)
def test_unreadable_files(golden, tmp_path, file, content, message):
    shutil.copytree(golden.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=message):
        encoders.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ntv2", {"hidden_size": 60, "num_attention_heads": 8}, "width of 60 does not fit"),
        ("ntv2", {"vocab_size": 4105}, "vocab_size 4105, but vocab.txt has 4107 tokens"),
        ("esm2", {"vocab_size": 32}, "vocab_size 32, but vocab.txt has 33 tokens"),
        ("ntv2", {"token_dropout": True}, "not the config.json of an encoder"),
        ("ntv2", {"position_embedding_type": "absolute"}, "not the config.json of an encoder"),
    ],
)
def test_a_config_that_does_not_fit(goldens, tmp_path, name, change, message):
    shutil.copytree(goldens[name].folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UserError, match=message):
        encoders.load(tmp_path)


def test_a_setting_that_is_missing_is_named(goldens, tmp_path):
    shutil.copytree(goldens["ntv2"].folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["intermediate_size"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="setting 'intermediate_size' is missing"):
        encoders.load(tmp_path)
