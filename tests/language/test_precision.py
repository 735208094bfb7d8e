"""bfloat16 where training was: weights cast once give the same bits, answers are float32's."""

import pytest
import torch

from seqfuse import tables
from seqfuse.encoders import embedder
from seqfuse.files import read_json
from seqfuse.language.answers.generation import Generation
from seqfuse.training import device
from seqfuse.training.precision import products, round_frozen

# Nats of a label's token that bfloat16 may move it by; docs/gpu.md has what it does.
BOUND = 0.05
CPU = torch.device("cpu")


@pytest.mark.parametrize("folder", ["backbone", "untied"])
def test_full_scale_frozen_weights_cast_once_give_the_same_bits(build, prompt, request, folder):
    """Loss and gradients of LoRA, base weights in bfloat16 beside float32 ones under autocast."""
    folder, found = request.getfixturevalue(folder), []
    for cast in (False, True):
        method = build("linear", folder, lora_rank=2).eval()
        if cast:
            round_frozen(method)
        with products(CPU, "bfloat16"):
            made = [prompt("ACGTACG", "ACC", label="no"), prompt("TTT")]
            loss = method.loss(method.batch([method.encode(p, answer=True) for p in made]))
        loss.backward()
        trained = {k: p for k, p in method.named_parameters() if p.requires_grad}
        assert {p.dtype for p in trained.values()} == {torch.float32}
        found.append([loss, *(p.grad for p in trained.values())])
        frozen = {
            k: p for k, p in method.backbone.base_model.named_parameters() if k not in trained
        }
        halved = {k for k, p in frozen.items() if p.dtype == torch.bfloat16}
        assert {k.split(".")[-2] for k in halved} == ({"base_layer"} if cast else set())
        assert method.backbone.get_input_embeddings().weight.dtype == torch.float32
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_full_scale_generation_in_bfloat16_is_that_of_training(build, prompt):
    """Keys and values are kept in what the products take anyway."""
    method = build("onevocab").eval().requires_grad_(False)
    examples = [method.encode(p, answer=False) for p in (prompt("ACGTACG"), prompt("A"))]
    with products(CPU, "bfloat16"):
        expected = Generation(method, examples).run(4).label_scores([["yes", "no"]] * 2)
    round_frozen(method)
    with products(CPU, "bfloat16"):
        generation = Generation(method, examples).run(4)
        assert generation.label_scores([["yes", "no"]] * 2) == expected
    assert {layer.keys.dtype for layer in generation.cache.layers} == {torch.bfloat16}


@pytest.mark.parametrize("method", ["onevocab", "dna_only"])
def test_full_scale_prediction_in_bfloat16_agrees_with_float32(commands, tmp_path, method):
    """A model that was trained in bfloat16 answers in it; float32 gives log-likelihoods within
    `BOUND` nats a token, and the same label wherever two are further apart than that."""
    settings = ("--precision", "bfloat16", "--seeds", 0, "--steps", 40, "--learning-rate", 0.01)
    model = commands.finetune(method, tmp_path / "model", *settings, "--reasoning", "false")
    assert read_json(model / "seed0" / "method.json")["precision"] == "bfloat16"
    said = {}
    for name in ("training", "bfloat16", "float32"):
        out = tmp_path / f"{name}.parquet"
        more = ("--precision", name, "--reasoning", "false")
        commands.predict(method, model, out, *more)
        said[name] = tables.read(out, tables.PREDICTIONS).to_pylist()
    assert said["training"] == said["bfloat16"]
    moved, decided = 0.0, 0
    column = "loglik" if method == "dna_only" else "loglik_per_token"
    for one, other in zip(said["bfloat16"], said["float32"], strict=True):
        ours, theirs = dict(one[column]), dict(other[column])
        moved = max(moved, *(abs(ours[label] - theirs[label]) for label in ours))
        if abs(theirs["grey"] - theirs["tawny"]) > BOUND:
            decided += 1
            assert one["predicted"] == other["predicted"] is not None
    assert 0 < moved < BOUND and decided > 0


def test_full_scale_vectors_of_another_precision_have_another_key(monkeypatch):
    assert embedder._in_words(torch.float32, "ieee") == "float32"
    assert embedder._in_words(torch.bfloat16, "ieee") == "bfloat16"
    assert embedder._in_words(torch.bfloat16, "tf32") == "bfloat16+tf32"
    assert device.float32_products("cpu") == "ieee"
    monkeypatch.setattr(torch.cuda, "is_tf32_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        assert device.float32_products("cuda") == "ieee"
        # A device that is used is one whose products of float32 are TF32.
        assert device.device() == torch.device("cuda")
        assert device.float32_products("cuda") == "tf32"
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
