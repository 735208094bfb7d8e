"""The model card of a checkpoint: what it says is what was done, and its example runs."""

import json
import re

import pytest
from transformers import AutoTokenizer

from seqfuse.files import read_json, write_json
from seqfuse.language.methods.kmers import KmerVocabulary


@pytest.fixture
def cards(tmp_path):
    """card.json of both datasets."""
    paths = [tmp_path / f"{name}.json" for name in ("mice", "rats")]
    for path in paths:
        facts = {"title": f"All {path.stem}", "licence": "CC0 | ours", "citation": "Doe 2020"}
        write_json(path, {"name": path.stem, **facts})
    return ["--cards", *paths]


def test_it_says_data_configuration_metrics_and_licence(project, commands, tmp_path, cards):
    model = commands.finetune("onevocab", tmp_path / "model", "--label-weight", 2.5, *cards)
    for seed in (0, 3):
        folder = model / f"seed{seed}"
        (paid,) = read_json(folder / "cost.json")["seeds"]
        log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        text = (folder / "README.md").read_text()
        assert f"# OneVocab: onevocab on pets, seed {seed}\n" in text
        # 28 records, of which the last 8 are val and test in turns.
        row = "| rats | All rats | 20 | 4 | 4 | 2 | CC0 \\| ours | Doe 2020 |"
        assert row in text
        assert "| `label_weight` | `2.5` |" in text
        assert "| `k` | `3` |" in text
        assert f"| trained parameters | {paid['trained_parameters']} |" in text
        losses = [e["validation_loss"] for e in log if "validation_loss" in e]
        assert f"| validation loss (nats per answer token) | {min(losses):.4f} |" in text
        assert "Data: mice: CC0 | ours; rats: CC0 | ours." in text


def test_its_example_of_onevocab_runs_without_this_package(project, commands, tmp_path):
    model = commands.finetune("onevocab", tmp_path / "model", "--seeds", 0) / "seed0"
    text = (model / "README.md").read_text()
    settings = read_json(model / "method.json")["settings"]
    vocabulary = KmerVocabulary(settings["k"], settings["alphabet"], settings["offset"])
    dna, form = re.search(r"`(\w+)` is\n`(.+)`\.\nText", text).groups()
    ids = [vocabulary.start, *vocabulary.encode(dna), vocabulary.stop]
    assert AutoTokenizer.from_pretrained(model)(form)["input_ids"] == ids
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1].replace('"."', f'"{model}"')
    said = []
    exec(code, {"print": said.append})
    assert said[0].startswith("<|im_start|>user\n" + form)
    assert f"the ids of DNA start at {settings['offset']}," in text


def test_an_adapter_says_that_it_needs_this_package(commands, tmp_path):
    model = commands.finetune("linear", tmp_path / "model", "--seeds", 0)
    text = (model / "seed0" / "README.md").read_text()
    assert "seqfuse ask --model ." in text
    assert "AutoModelForCausalLM" not in text
    assert "| rats | rats | 20 | 4 | 4 | 2 | not given | not given |" in text


def test_full_scale_the_card_of_seqclip_says_what_its_pretraining_left_out(
    project, commands, tmp_path
):
    model = commands.finetune("seqclip", tmp_path / "model", "--seeds", 0, "--steps", 1)
    text = (model / "seed0" / "README.md").read_text()
    assert '| `pretraining` | `{"pairs":{"test":4,"train":16,"val":4},"seed":0,"too_long":{' in text
    assert '"genes":{"limit":2048,"pairs":0,"policy":"refuse"}' in text
