"""A language model with random weights: the shape and the tokeniser stay, every matrix is new."""

import pytest


@pytest.fixture
def backbone(tmp_path):
    from seqfuse.encoders.models import random_models

    sizes = {"vocab_size": 300, "hidden_size": 16, "intermediate_size": 24, "head_dim": 8}
    sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
    (tmp_path / "model").mkdir()
    random_models.write("qwen3", sizes, 5, ["Which disease? Answer: anaemia"], tmp_path / "model")
    return tmp_path / "model"


def test_weights_are_drawn_anew_by_seed(backbone, tmp_path):
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    from seqfuse import cli

    def drawn(name, seed):
        words = ["--model", backbone, "--seed", seed, "--out", tmp_path / name]
        assert cli.main(["controls", "randomise", *map(str, words)]) == 0
        return load_file(tmp_path / name / "model.safetensors")

    before = load_file(backbone / "model.safetensors")
    one, same, other = drawn("one", 0), drawn("same", 0), drawn("other", 1)
    assert one.keys() == before.keys()
    for name, tensor in one.items():
        assert tensor.shape == before[name].shape
        assert tensor.equal(same[name])
        if tensor.ndim == 2:
            assert not tensor.equal(before[name]) and not tensor.equal(other[name])
    texts = [AutoTokenizer.from_pretrained(path)("Which?") for path in (backbone, tmp_path / "one")]
    assert texts[0]["input_ids"] == texts[1]["input_ids"]
