"""DNA and text before the decoder: against the saved models' own tables, adapters and states."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from seqfuse import tables
from seqfuse.encoders.store.reader import Store
from seqfuse.language.answers import input_vectors
from seqfuse.registry.methods import METHODS

SHOWN = [
    name for name, method in METHODS.items()
    if method.sees_dna and method.generates and not method.trains_fusion
]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(input_vectors, "_FEWEST", 2)


@pytest.fixture
def made(commands, tmp_path):
    """Train a method for a few steps: ({(id, kind): vector}, the folder of its first seed)."""

    def make(method: str):
        model = commands.finetune(method, tmp_path / method)
        out = tmp_path / f"{method}.parquet"
        commands.predict(method, model, tmp_path / "p.parquet", "--inputs", out)
        rows = tables.read(out, tables.VECTORS).to_pylist()
        return {(row["id"], row["kind"]): row["vector"] for row in rows}, model / "seed0"

    return make


@pytest.fixture
def gold(project) -> dict[str, dict]:
    """Test records by the id that the vectors carry."""
    return {
        f"{name}/{row['id']}": row
        for name in ("mice", "rats")
        for row in tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist()
        if row["split"] == "test"
    }


def test_every_method_shows_the_same_records(made, gold):
    ids = [set(made(method)[0]) for method in SHOWN]
    assert all(found == ids[0] for found in ids)
    names = {name for name, _ in ids[0]}
    # The test records ask one question and know two reasonings.
    assert len(names) == 2 and names <= set(gold)
    assert len({gold[name]["reasoning"] for name in names}) == 2


def test_texts_are_drawn_once_each_from_the_test_split_of_all_sets(monkeypatch, record):
    monkeypatch.setattr(input_vectors, "_MOST", 8)
    rows = [record(id=f"r{n}", split="test", question=f"Gene {n // 2}?") for n in range(12)]
    rows += [record(id="t", split="train", question="Trained on?")]
    drawn = input_vectors.sample(
        {"a": rows, "b": [record(id="r0", split="test", question="Other?")]}
    )
    asked = [prompt.question for prompt in drawn]
    assert sorted(asked) == sorted({*(f"Gene {n}?" for n in range(6)), "Other?"})
    assert asked != sorted(asked)
    monkeypatch.setattr(input_vectors, "_MOST", 3)
    assert (
        input_vectors.sample({"a": rows, "b": []}) != []
        and len(input_vectors.sample({"a": rows})) == 3
    )


def test_text_is_the_mean_of_its_tokens_rows(made, gold):
    found, folder = made("onevocab")
    table = AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight
    tokeniser = AutoTokenizer.from_pretrained(folder)
    for (name, kind), vector in found.items():
        if kind == "text":
            words = f"{gold[name]['question']} {gold[name]['reasoning']}"
            ids = tokeniser(words, add_special_tokens=False)["input_ids"]
            assert vector == pytest.approx(table[ids].mean(0).tolist(), abs=1e-5)


def test_dna_is_the_mean_of_what_the_adapter_makes_of_it(made, gold, project):
    found, folder = made("linear")
    tensors = load_file(folder / "adapter.safetensors")
    for (name, kind), vector in found.items():
        if kind == "dna":
            store = Store.open(project / name.split("/")[0] / "nt.json")
            row = gold[name]
            pieces = [store.get(row[c]) for c in ("sequence", "variant") if row[c]]
            states = torch.from_numpy(np.concatenate(pieces)).float()
            projected = states @ tensors["adapter.weight"].T + tensors["adapter.bias"]
            assert vector == pytest.approx(projected.mean(0).tolist(), abs=1e-4)


@pytest.mark.parametrize(
    "method", [name for name, m in METHODS.items() if not (name in SHOWN or m.trains_fusion)]
)
def test_what_shows_no_dna_or_no_text_has_no_vectors(made, method):
    assert made(method)[0] == {}


def test_a_suite_of_one_text_has_no_vectors(made, monkeypatch):
    monkeypatch.setattr(input_vectors, "_FEWEST", 3)
    assert made("onevocab")[0] == {}
