"""Backbones as they are published: memory reckoned before loading, sharded files, Qwen3's names."""

import json

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from seqfuse.encoders.models.formats import loaded_bytes
from seqfuse.errors import UserError
from seqfuse.language.backbones import loading
from seqfuse.language.backbones.loading import load_backbone


@pytest.fixture
def sharded(backbone, tmp_path):
    """The same weights in several files and an index, as the larger Qwen3 are published."""
    AutoModelForCausalLM.from_pretrained(backbone).save_pretrained(
        tmp_path, max_shard_size="20KB", safe_serialization=True
    )
    AutoTokenizer.from_pretrained(backbone).save_pretrained(tmp_path)
    return tmp_path


def test_sharded_files_are_the_same_model(backbone, sharded):
    assert len(list(sharded.glob("model-*.safetensors"))) > 2
    whole = load_backbone(backbone)
    parts = load_backbone(sharded)
    ids = torch.arange(20)[None]
    torch.testing.assert_close(parts(ids).logits, whole(ids).logits, atol=0, rtol=0)


def test_a_missing_shard_is_refused(sharded):
    index = json.loads((sharded / "model.safetensors.index.json").read_text())
    name = index["weight_map"]["model.norm.weight"]
    (sharded / name).unlink()
    with pytest.raises(UserError, match=f"{name}: no such file"):
        load_backbone(sharded)


def test_the_names_are_those_of_qwen3(backbone):
    with safe_open(backbone / "model.safetensors", "pt") as file:
        names = set(file.keys())
    block = {
        f"self_attn.{part}.weight"
        for part in ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm")
    } | {f"mlp.{part}.weight" for part in ("gate_proj", "up_proj", "down_proj")}
    block |= {"input_layernorm.weight", "post_attention_layernorm.weight"}
    assert names == {"model.embed_tokens.weight", "model.norm.weight"} | {
        f"model.layers.{layer}.{name}" for layer in (0, 1) for name in block
    }


def test_memory_is_reckoned_before_loading(backbone, sharded, monkeypatch):
    # Width 32, 384 tokens; two blocks of attention (2 heads, 1 for keys, of 16), MLP (48), norms.
    attention = 32 * 32 + 2 * 16 * 32 + 32 * 32 + 2 * 16
    needed = 4 * (384 * 32 + 2 * (attention + 3 * 48 * 32 + 2 * 32) + 32)
    assert loaded_bytes(backbone) == loaded_bytes(sharded) == needed
    monkeypatch.setattr(loading, "free_memory", lambda: needed - 1)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *a, **k: pytest.fail())
    with pytest.raises(
        UserError, match=r"its weights take 0\.0 GB in float32 and 0\.0 GB are free"
    ):
        load_backbone(backbone)
