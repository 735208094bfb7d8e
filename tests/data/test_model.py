"""`seqfuse data model`: scratch folders load as published ones do; wrong entries get one line."""

import hashlib
import json
import random
import shutil

import pytest
import torch
import yaml

from seqfuse import cli, encoders, tables
from seqfuse.data import model, pretrained_models
from seqfuse.registry.layouts import DECODERS, LAYOUTS, TEXT_LAYOUTS
from seqfuse.settings.paths import RESOURCES, WORKFLOW
from seqfuse.settings.schema import FOLDER
from seqfuse.settings.yaml_files import load_yaml

ENCODERS = ("nucleotide-transformer-v2", "rna-fm", "esm2")
CATALOGUE = load_yaml(RESOURCES / "models.yaml")
SEQUENCES = {
    "nucleotide-transformer-v2": "ATTCCGATTCCGNAC",
    "rna-fm": "ACGUACGU",
    "esm2": "MKVLTARW",
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Records whose test row says a word that no training row says."""
    common = {"sequence": "ACGT"}
    rows = [
        common | {"id": "a", "split": "train", "question": "Which disease does it cause?"},
        common | {"id": "b", "split": "train", "reasoning": "The kinase is lost.", "label": "ALS"},
        common | {"id": "c", "split": "train", "text": "A gene of the kinase family"},
        common | {"id": "d", "split": "test", "question": "zyzzyva zyzzyva zyzzyva"},
    ]
    path = tmp_path_factory.mktemp("records") / "records.parquet"
    tables.write(path, tables.from_rows(rows, tables.RECORDS), tables.RECORDS)
    return path


@pytest.fixture(scope="module")
def build(tmp_path_factory, records):
    """A function that runs the command on an entry and returns the folder."""

    def command(entry, name="tiny"):
        out = tmp_path_factory.mktemp("model") / name
        words = ["data", "model", "--name", name, "--entry", json.dumps(entry)]
        assert cli.main([*words, "--text", str(records), "--out", str(out)]) == 0
        return out

    return command


@pytest.fixture(scope="module")
def scratch(build):
    """One scratch model of each layout."""
    layouts = (*ENCODERS, "qwen3", "bert")
    return {name: build({"kind": "scratch", "layout": name}, name) for name in layouts}


def refused(capsys, tmp_path, entry, *more):
    """The one line with which the command refuses an entry; nothing is left behind."""
    words = ["data", "model", "--name", "mine", "--entry", entry, *more]
    assert cli.main([*words, "--out", str(tmp_path / "out" / "mine")]) == 2
    captured = capsys.readouterr().err.strip()
    line = captured.split("\n")[-1]
    assert "Traceback" not in captured and line.startswith("seqfuse data model: error: ")
    left = [path.name for path in (tmp_path / "out").glob("*")]
    assert [name for name in left if not name.endswith(".sha256.json")] == []
    return line


@pytest.mark.parametrize("layout", ENCODERS)
def test_a_scratch_encoder_loads_as_a_published_one(scratch, layout):
    encoder = encoders.load(scratch[layout])
    assert (encoder.layout, encoder.width, encoder.depth) == (layout, 64, 2)
    assert encoder.max_length == (2048 if layout == "nucleotide-transformer-v2" else 1024)
    ids = torch.from_numpy(encoder.tokenise(SEQUENCES[layout]).ids)[None]
    hidden = encoder(ids)
    assert hidden.shape == (1, ids.shape[1], 64)
    # The final layer norm of a scratch model has weight 1 and bias 0.
    torch.testing.assert_close(hidden.mean(-1), torch.zeros(hidden.shape[:2]), atol=1e-5, rtol=0)
    torch.testing.assert_close(hidden.var(-1, correction=0), torch.ones(hidden.shape[:2]))
    assert encoder(ids, output="logits").isfinite().all()


@pytest.mark.parametrize(
    ("layout", "letters", "length"),
    [("nucleotide-transformer-v2", "ACGT", 120), ("rna-fm", "ACGU", 120), ("esm2", "LAGVSERT", 60)],
)
@torch.no_grad()
def test_a_frozen_scratch_encoder_keeps_what_it_reads(scratch, layout, letters, length):
    encoder = encoders.load(scratch[layout])
    sequence = "".join(random.Random(0).choices(letters, k=length))
    ids = torch.from_numpy(encoder.tokenise(sequence).ids)
    hidden, embedded = (encoder(ids[None], layer=layer)[0] for layer in (-1, 0))
    normalise = torch.nn.functional.normalize
    nearest = (normalise(hidden, dim=-1) @ normalise(embedded, dim=-1).T).argmax(1)
    # With embeddings of the published 0.02 it would be 0.19 (NT-v2) and 0.10 (ESM-2).
    assert (ids[nearest] == ids).float().mean() > 0.95


@pytest.mark.parametrize("layout", [*ENCODERS, "qwen3", "bert"])
def test_model_json(scratch, layout):
    facts = json.loads((scratch[layout] / "model.json").read_text())
    assert facts == {"name": layout, "kind": "scratch", "layout": layout, "scratch": True}
    assert {file.stat().st_mode & 0o777 for file in scratch[layout].iterdir()} == {0o644}


def test_tokeniser_files_of_nt_equal_the_published_ones(scratch):
    found = (scratch["nucleotide-transformer-v2"] / "vocab.txt").read_bytes()
    published_hash = "c00e0ad166d6ab3f7540ebc92270392e581bb3106763412f29034b49323e1052"
    assert hashlib.sha256(found).hexdigest() == published_hash


def test_esm2_in_transformers(scratch):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    reference, report = AutoModelForMaskedLM.from_pretrained(
        scratch["esm2"], output_loading_info=True
    )
    assert not any(report.values())
    tokens = AutoTokenizer.from_pretrained(scratch["esm2"])(SEQUENCES["esm2"], return_tensors="pt")
    encoder = encoders.load(scratch["esm2"])
    assert encoder.tokenise(SEQUENCES["esm2"]).ids.tolist() == tokens["input_ids"][0].tolist()
    with torch.no_grad():
        wanted = reference.eval()(**tokens).logits
        found = encoder(tokens["input_ids"], output="logits")
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_qwen3_in_transformers(scratch):
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3ForCausalLM

    tokeniser = AutoTokenizer.from_pretrained(scratch["qwen3"])
    language_model, report = AutoModelForCausalLM.from_pretrained(
        scratch["qwen3"], output_loading_info=True
    )
    assert isinstance(language_model, Qwen3ForCausalLM) and not any(report.values())
    config = language_model.config
    assert len(tokeniser) < config.vocab_size and config.vocab_size % 128 == 0
    assert (tokeniser.eos_token, tokeniser.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert (tokeniser.eos_token_id, tokeniser.pad_token_id) == (
        config.eos_token_id,
        config.pad_token_id,
    )
    # Words of training records and of the chat format are learnt, a word of the test row is not.
    words = {" kinase": 1, " disease": 1, "assistant": 1, " assistant": 1, "Answer": 1}
    words |= dict.fromkeys(("<|im_start|>", "<|im_end|>", "<think>", "</think>"), 1)
    found = {word: len(tokeniser.encode(word, add_special_tokens=False)) for word in words}
    assert found == words | {"assistant": found["assistant"]} and found["assistant"] <= 3
    assert len(tokeniser.encode("zyzzyva", add_special_tokens=False)) > 4
    text = "<|im_start|>user\nÄ 漢 zyzzyva?<|im_end|>\n<think>\n\n</think>\n\nAnswer: ALS<|im_end|>"
    assert tokeniser.decode(tokeniser.encode(text, add_special_tokens=False)) == text


def test_bert_in_transformers(scratch):
    from transformers import AutoModel, AutoTokenizer, BertModel

    tokeniser = AutoTokenizer.from_pretrained(scratch["bert"])
    text_encoder, report = AutoModel.from_pretrained(scratch["bert"], output_loading_info=True)
    assert isinstance(text_encoder, BertModel) and not any(report.values())
    assert len(tokeniser) == text_encoder.config.vocab_size
    pair = tokeniser(["a KINASE gene", "the disease"], padding=True, return_tensors="pt")
    words = tokeniser.convert_ids_to_tokens(pair["input_ids"][0])
    assert words == ["[CLS]", "a", "kinase", "gene", "[SEP]"]
    with torch.no_grad():
        first, second = text_encoder.eval()(**pair).last_hidden_state[:, 0]
    # What SeqCLIP reads, [CLS], tells two texts apart although nothing was trained.
    assert torch.nn.functional.cosine_similarity(first, second, dim=0) < 0.99


@pytest.mark.parametrize("layout", [*ENCODERS, "qwen3", "bert"])
def test_same_seed_same_bytes(scratch, build, layout):
    again = build({"kind": "scratch", "layout": layout, "seed": 0}, layout)
    assert contents(again) == contents(scratch[layout])
    other = build({"kind": "scratch", "layout": layout, "seed": 1}, layout)
    changed = {k for k, v in contents(other).items() if v != contents(again)[k]}
    assert changed == {"model.safetensors", "manifest.json"}


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_settings_are_laid_over_the_layout(build):
    entry = {"kind": "scratch", "layout": "rna-fm", "config": {"embed_dim": 32, "layers": 1}}
    encoder = encoders.load(build(entry))
    assert (encoder.width, encoder.depth, encoder.config["ffn_embed_dim"]) == (32, 1, 128)


HUB = {"kind": "hub", "layout": "esm2", "repository": "owner/name"}
SCRATCH = {"kind": "scratch", "layout": "esm2"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{", "--entry: not valid JSON"),
        ("[]", "--entry: not a JSON object"),
        ({"kind": "scratch"}, "model 'mine': the key 'layout' is missing"),
        (SCRATCH | {"sed": 1}, "unknown key 'sed'; did you mean 'seed'?"),
        (SCRATCH | {"seed": "x"}, "seed: 'x' is not of type integer"),
        (SCRATCH | {"layout": "esm3"}, "layout: 'esm3' is not allowed; did you mean 'esm2'?"),
        (SCRATCH | {"config": {"hiden_size": 8}}, "no setting 'hiden_size'; did you mean 'hidden_"),
        (SCRATCH | {"config": {"hidden_size": "8"}}, "hidden_size is '8'; esm2 takes a positive"),
        (SCRATCH | {"config": {"hidden_size": 0}}, "hidden_size is 0; esm2 takes a positive int"),
        (SCRATCH | {"config": {"token_dropout": 1}}, "token_dropout is 1; esm2 takes a bool"),
        (SCRATCH | {"config": {"hidden_size": 65}}, "width of 65 does not fit 4 attention"),
        ({"kind": "scratch", "layout": "qwen3"}, "learns its tokeniser from text: give --text"),
        ({"kind": "folder", "layout": "esm2"}, "model 'mine': the key 'path' is missing"),
        ({"kind": "folder", "layout": "esm2", "path": "/no/folder"}, "/no/folder: no such folder"),
        (
            {"kind": "hub", "layout": "esm2", "revision": None},
            "the key 'repository' is missing",
        ),
        (HUB | {"revision": "main"}, "revision: 'main' does not match"),
        (HUB | {"revision": None, "files": ["modeling_esm.py"]}, "files.0: 'modeling_esm.py'"),
        (HUB | {"revision": None}, "no revision is pinned; look at owner/name on the hub"),
        (HUB | {"revision": "0" * 40}, "owner/name cannot be downloaded"),
    ],
)
def test_a_wrong_entry_gets_one_line(capsys, tmp_path, entry, message):
    text = entry if isinstance(entry, str) else json.dumps(entry)
    assert message in refused(capsys, tmp_path, text)


def test_a_text_model_that_cannot_be_built(capsys, tmp_path, records):
    entry = json.dumps({"kind": "scratch", "layout": "bert", "config": {"hidden_size": 65}})
    line = refused(capsys, tmp_path, entry, "--text", str(records))
    assert "config {'hidden_size': 65}: bert cannot be built (The hidden size (65)" in line


def test_records_without_text(capsys, tmp_path):
    path = tmp_path / "records.parquet"
    row = {"id": "a", "split": "train", "sequence": "ACGT"}
    tables.write(path, tables.from_rows([row], tables.RECORDS), tables.RECORDS)
    entry = json.dumps({"kind": "scratch", "layout": "bert"})
    line = refused(capsys, tmp_path, entry, "--text", str(path))
    assert "learns its tokeniser from text" in line


def test_a_folder_is_linked_without_its_code(scratch, build, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(scratch["esm2"], source)
    (source / "modeling_esm.py").write_text("raise SystemExit")
    made = build({"kind": "folder", "layout": "esm2", "path": str(source)}, "mine")
    assert {file.name for file in made.iterdir()} == {
        file.name for file in scratch["esm2"].iterdir()
    }
    assert (made / "model.safetensors").resolve() == source / "model.safetensors"
    facts = json.loads((made / "model.json").read_text())
    assert facts == {"name": "mine", "kind": "folder", "layout": "esm2", "scratch": False}
    assert json.loads((source / "model.json").read_text())["name"] == "esm2"


@pytest.mark.parametrize(
    ("layout", "wanted", "remove", "message"),
    [
        ("esm2", "rna-fm", None, "source/config.json: the layout is esm2, not rna-fm"),
        ("bert", "qwen3", None, "source/config.json: the layout is bert, not qwen3"),
        ("esm2", "esm2", "vocab.txt", "source/vocab.txt: no such file"),
        ("esm2", "esm2", "model.safetensors", "source/model.safetensors: no such file"),
        ("qwen3", "qwen3", "model.safetensors", "source: no *.safetensors"),
        ("qwen3", "qwen3", "tokenizer.json", "source: no tokenizer.json, vocab.json or vocab.txt"),
        ("qwen3", "qwen3", "config.json", "source/config.json: no such file"),
    ],
)
def test_a_folder_that_does_not_fit(scratch, capsys, tmp_path, layout, wanted, remove, message):
    source = tmp_path / "source"
    shutil.copytree(scratch[layout], source)
    if remove:
        (source / remove).unlink()
    entry = json.dumps({"kind": "folder", "layout": wanted, "path": str(source)})
    line = refused(capsys, tmp_path, entry)
    assert line.startswith(f"seqfuse data model: error: model 'mine': {tmp_path}/{message}")


@pytest.mark.parametrize("layout", DECODERS)
def test_layout_of_any_decoder_that_transformers_reads(scratch, build, tmp_path, layout):
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 8, "intermediate_size": 8, "vocab_size": 1024, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8}
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 1)
    config = AutoConfig.for_model(layout, **sizes, **heads, **ids)
    shutil.copytree(scratch["qwen3"], tmp_path / "source")
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "source")
    made = build({"kind": "folder", "layout": layout, "path": str(tmp_path / "source")})
    assert json.loads((made / "model.json").read_text())["layout"] == layout


def test_layout_names_are_those_of_the_schema():
    schema = yaml.safe_load((FOLDER / "models.schema.yaml").read_text())
    assert schema["properties"]["layout"]["enum"] == [*TEXT_LAYOUTS, *LAYOUTS]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for the hub: what is asked of it, and the folder that it hands out."""
    import huggingface_hub

    asked = {}

    def snapshot_download(repository, **settings):
        asked.update(settings, repository=repository)
        return tmp_path / "cache"

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_a_hub_model(scratch, build, hub, tmp_path):
    shutil.copytree(scratch["esm2"], tmp_path / "cache")
    weights = hashlib.sha256((tmp_path / "cache/model.safetensors").read_bytes()).hexdigest()
    entry = HUB | {"revision": "a" * 40, "sha256": {"model.safetensors": weights}}
    made = build(entry, "mine")
    assert hub["repository"] == "owner/name" and hub["revision"] == "a" * 40
    assert "*.py" in hub["ignore_patterns"]
    facts = json.loads((made / "model.json").read_text())
    assert facts == {"name": "mine", "scratch": False} | HUB | {"revision": "a" * 40}


def test_another_checksum_is_refused(scratch, hub, tmp_path, capsys):
    shutil.copytree(scratch["esm2"], tmp_path / "cache")
    entry = HUB | {"revision": "a" * 40, "sha256": {"model.safetensors": "0" * 64}}
    line = refused(capsys, tmp_path, json.dumps(entry))
    weights = hashlib.sha256((tmp_path / "cache/model.safetensors").read_bytes()).hexdigest()
    assert f"model.safetensors: its sha256 is {weights}, but the catalogue says 0000" in line
    assert f"models: {{mine: {{sha256: {{model.safetensors: {weights}}}}}}}" in line


def test_a_checksum_of_an_absent_file_is_refused(scratch, hub, tmp_path, capsys):
    shutil.copytree(scratch["esm2"], tmp_path / "cache")
    entry = HUB | {"revision": "a" * 40, "sha256": {"weights.safetensors": "0" * 64}}
    line = refused(capsys, tmp_path, json.dumps(entry))
    assert "weights.safetensors was not downloaded" in line


def test_full_scale_a_missing_checksum_is_that_of_the_first_download(
    scratch, build, hub, tmp_path, capsys
):
    cache = tmp_path / "cache"
    shutil.copytree(scratch["esm2"], cache)
    weights, config = (
        hashlib.sha256((cache / name).read_bytes()).hexdigest()
        for name in ("model.safetensors", "config.json")
    )
    # Pinned, asked for none, and named nowhere.
    pins = {"model.safetensors": weights, "config.json": None}
    entry = HUB | {"revision": "a" * 40, "sha256": pins}
    made = build(entry, "mine")
    record = made.with_name("mine.sha256.json")
    (recorded,) = json.loads(record.read_text()).values()
    assert recorded["config.json"] == config and "model.safetensors" not in recorded
    assert "vocab.txt" in recorded
    (cache / "config.json").write_text((cache / "config.json").read_text() + "\n")
    other = hashlib.sha256((cache / "config.json").read_bytes()).hexdigest()
    again = ["data", "model", "--name", "mine", "--out", str(made), "--entry"]
    assert cli.main([*again, json.dumps(entry)]) == 2
    said = capsys.readouterr().err
    assert f"config.json: its sha256 is {other}; the first download of it had {config}" in said
    assert f"models: {{mine: {{sha256: {{config.json: {other}}}}}}}" in said
    # What the line says to write is enough; another commit starts a list of its own.
    entry["sha256"]["config.json"] = other
    assert cli.main([*again, json.dumps(entry)]) == 0
    entry |= {"revision": "b" * 40, "sha256": {}}
    assert cli.main([*again, json.dumps(entry)]) == 0
    assert list(json.loads(record.read_text())) == [
        "owner/name at " + "a" * 40,
        "owner/name at " + "b" * 40,
    ]


def test_full_scale_every_published_model_is_pinned():
    published = {name: e for name, e in CATALOGUE.items() if e["kind"] == "hub"}
    entries = {name: model.validate(name, json.loads(json.dumps(published[name])))
               for name in published}  # fmt: skip
    for name, entry in entries.items():
        pretrained_models.check_entry(name, entry)
    weighed = {n for n, e in entries.items()
               if any(f.endswith((".safetensors", ".pth")) for f in e["sha256"])}  # fmt: skip
    # Nobody publishes the checksums of these two: recorded at the first download.
    assert entries.keys() - weighed == {"nt-v2-250m", "esm2-3b"}
    # A tokeniser of one family is one file; weights of two models are two.
    hashes = [digest for e in entries.values() for f, digest in e["sha256"].items()
              if f.endswith((".safetensors", ".pth"))]  # fmt: skip
    assert len(hashes) == len(set(hashes))


@pytest.mark.parametrize("kind", ["hub", "folder"])
def test_the_pth_of_rna_fm_becomes_the_layout(scratch, build, hub, tmp_path, capsys, kind):
    cache = tmp_path / "cache"
    cache.mkdir()
    weights = encoders.load(scratch["rna-fm"]).state_dict()
    torch.save({"model": {f"encoder.{k}": v for k, v in weights.items()}}, cache / "RNA-FM.pth")
    config = json.loads((scratch["rna-fm"] / "config.json").read_text())
    entry = {"kind": kind, "layout": "rna-fm", "config": config}
    entry |= HUB | {"revision": "a" * 40} if kind == "hub" else {"path": str(cache)}
    entry["layout"] = "rna-fm"
    made = build(entry, "mine")
    named = {"config.json", "manifest.json", "model.json", "model.safetensors"}
    assert {f.name for f in made.iterdir()} == named
    found = encoders.load(made).state_dict()
    masked = {"embed_tokens.weight", "lm_head.weight"}
    assert all(torch.equal(found[k], v) for k, v in weights.items() if k not in masked)
    assert (cache / "RNA-FM.pth").is_file()
    line = refused(capsys, tmp_path, json.dumps(entry | {"config": {}}))
    assert "RNA-FM publishes no config.json" in line


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue(name):
    entry = model.validate(name, json.loads(json.dumps(CATALOGUE[name])))
    if entry["kind"] == "scratch":
        assert name.startswith(("demo-", "pilot-", "rehearsal-"))
    else:
        assert entry["licence"] and entry["citation"] and entry["title"]


def test_what_presets_and_defaults_name_is_in_the_catalogue():
    schema = yaml.safe_load((FOLDER / "config.schema.yaml").read_text())
    language = schema["properties"]["language"]["properties"]
    codons = schema["properties"]["codons"]["properties"]["encoders"]["properties"]
    named = {"backbone", "encoder", "text_encoder"}
    wanted = [language[key]["default"] for key in named] + [c["default"] for c in codons.values()]
    for preset in (WORKFLOW / "presets").glob("*.yaml"):
        settings = load_yaml(preset)
        wanted += [value for key, value in settings.get("language", {}).items() if key in named]
        wanted += settings.get("codons", {}).get("encoders", {}).values()
    assert "demo-nt" in wanted and "pilot-qwen3" in wanted
    assert [name for name in wanted if name not in CATALOGUE] == []


# Those of the rehearsal are built by the same code, and have gigabytes.
SMALL = [n for n, e in CATALOGUE.items() if e["kind"] == "scratch" and "rehearsal" not in n]


@pytest.mark.parametrize("name", SMALL)
def test_scratch_models_of_the_catalogue_are_built(build, name):
    folder = build(CATALOGUE[name], name)
    pretrained_models.check(CATALOGUE[name]["layout"], folder)
    config = json.loads((folder / "config.json").read_text())
    for key, value in CATALOGUE[name].get("config", {}).items():
        if key != "vocab_size":
            assert config[key] == value
