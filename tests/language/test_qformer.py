"""The perceiver resampler against attention written out, and whatever else is in the batch."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from seqfuse.language.methods.qformer import Block, CrossAttention, Settings
from seqfuse.settings import configuration

SIZES = Settings(heads=2, head_width=3, mlp_width=20)

# --- written out: one example, no padding, one head at a time -------------------------------------


def layer_norm(norm: nn.Module, x: np.ndarray) -> np.ndarray:
    if isinstance(norm, nn.Identity):
        return x
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / scale * array(norm.weight) + array(norm.bias)


def array(x: torch.Tensor) -> np.ndarray:
    return x.detach().double().numpy()


def project(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    return x @ array(layer.weight).T + array(layer.bias)


def attend(
    module: CrossAttention, latents: np.ndarray, before: np.ndarray, context: np.ndarray
) -> np.ndarray:
    """latents, before [L, W], context [T, W]: softmax(q k / sqrt(d)) v over context and before."""
    keys = layer_norm(module.context_norm, np.concatenate([context, before]))
    queries = project(module.query, layer_norm(module.norm, latents))
    size = queries.shape[1] // module.heads
    key, value = np.split(project(module.key_value, keys), 2, axis=1)
    heads = []
    for head in range(module.heads):
        part = slice(head * size, (head + 1) * size)
        mixed = []
        for query in queries[:, part]:
            scores = np.exp(key[:, part] @ query / math.sqrt(size))
            mixed.append(scores @ value[:, part] / scores.sum())
        heads.append(np.stack(mixed))
    return latents + project(module.out, np.concatenate(heads, axis=1))


def mlp(module: nn.Sequential, x: np.ndarray) -> np.ndarray:
    norm, wide, _, narrow = module
    hidden = layer_norm(norm, x) @ array(wide.weight).T + array(wide.bias)
    hidden = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
    return hidden @ array(narrow.weight).T + array(narrow.bias)


def resample(method, sequence: str, question: str) -> np.ndarray:
    """What stands in a slot: start marker, latents, stop marker."""
    states = method.setup.states.get(sequence).astype(np.float64)
    dna = states @ array(method.projection.weight).T + array(method.projection.bias)
    asked = method.tokeniser(question, add_special_tokens=False)["input_ids"]
    table = array(method.backbone.get_input_embeddings().weight)
    latents = array(method.latents)
    for block in method.blocks:
        before = latents
        latents = attend(block.dna, latents, before, dna)
        latents = attend(block.question, latents, before, table[asked])
        latents = latents + mlp(block.mlp, latents)
    start, stop = array(method.markers)
    return np.vstack([start, layer_norm(method.norm, latents), stop])


# --- tests ----------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["published", "norms"])
def method(build, request):
    """A Q-former whose norms and biases are no longer ones and zeros."""
    method = build("qformer", settings={"norms": request.param})
    with torch.no_grad():
        for name, parameter in method.named_parameters():
            if not name.startswith("backbone."):
                parameter += 0.3 * torch.randn_like(parameter)
    return method


def encoded(method, *made):
    return method.batch([method.encode(p, answer=False) for p in made])


def test_cross_attention_is_softmax_attention_over_context_and_latents():
    module = CrossAttention(8, SIZES)
    latents, before, context = torch.randn(2, 3, 8), torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    found = module(latents, before, context, mask)
    for row, seen in ((0, 5), (1, 2)):
        given = (array(latents[row]), array(before[row]), array(context[row, :seen]))
        expected = attend(module, *given)
        np.testing.assert_allclose(array(found[row]), expected, atol=1e-6)


def test_a_block_is_dna_then_question_then_mlp():
    block = Block(8, SIZES)
    latents, dna, question = torch.randn(1, 3, 8), torch.randn(1, 4, 8), torch.randn(1, 2, 8)
    ones = [torch.ones(1, n, dtype=torch.bool) for n in (4, 2)]
    before = array(latents[0])
    expected = attend(block.dna, before, before, array(dna[0]))
    expected = attend(block.question, expected, before, array(question[0]))
    expected = expected + mlp(block.mlp, expected)
    found = block(latents, dna, ones[0], question, ones[1])[0]
    np.testing.assert_allclose(array(found), expected, atol=1e-6)


def test_every_slot_equals_the_resampler_written_out(method, prompt):
    """Sequences and questions of different lengths in one batch, an empty question among them."""
    long = "Which of the two sites is hit by the variant?"
    made = [prompt("ACGTACG", "ACC"), prompt("ACGTTGCA" * 4, question=long)]
    made += [prompt(question="No DNA?"), prompt("GGC", question="")]
    found = array(method.vectors(encoded(method, *made)))
    slots = [(s.sequence, p.question) for p in made for s in p.dna]
    expected = np.vstack([resample(method, *slot) for slot in slots])
    assert found.shape == (4 * 5, 32)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)


def test_vectors_stand_in_their_slots(method, prompt):
    made = prompt("ACGTACG", "ACC")
    batch = encoded(method, made, prompt("A", question="A longer question, is it lost?"))
    # The user's turn opens with text, then the slot of the reference and the slot of the variant.
    lead = len(method.tokeniser("<|im_start|>user\n")["input_ids"])
    embedded = method.embed(batch)[0, lead : lead + 10]
    vectors = method.vectors(batch)[:10]
    torch.testing.assert_close(embedded, vectors)


def test_output_does_not_depend_on_padding(method, prompt):
    made = [prompt("ACGTACG", "ACC"), prompt("ACGTTGCA" * 9, question="Is it? " * 20)]
    together = method.vectors(encoded(method, *made))
    alone = torch.cat([method.vectors(encoded(method, p)) for p in made])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_latents_follow_dna_and_question(method, prompt):
    one, dna, question = (
        method.vectors(encoded(method, p))
        for p in (prompt("ACGTAC"), prompt("ACGTAA"), prompt("ACGTAC", question="Is it kept?"))
    )
    assert (one - dna).abs().max() > 1e-3
    assert (one - question).abs().max() > 1e-3


def test_the_question_is_read_through_the_backbones_own_table(method, prompt):
    assert not any(
        p.shape[0] == method.backbone.config.vocab_size
        for name, p in method.named_parameters()
        if not name.startswith("backbone.")
    )
    method.vectors(encoded(method, prompt("ACGT", question="Is it kept?"))).sum().backward()
    moved = method.backbone.get_input_embeddings().weight.grad.any(dim=1).nonzero()[:, 0]
    asked = method.tokeniser("Is it kept?")["input_ids"]
    assert moved.tolist() == sorted(set(asked))


def test_a_slot_is_as_long_as_the_latents_whatever_the_sequence(build):
    method = build("qformer", settings={"latents": 7})
    assert [method.segment(s) for s in ("A", "ACGT" * 50)] == [9, 9]
    assert method.latents.shape == (7, 32)


def test_full_scale_the_resampler_is_chatnts():
    """32 heads of 128, three blocks, an MLP of 11,008, 64 latents; norms before each query and MLP
    alone. The presets of the paper change none of it."""
    for preset in ("paper", "published", "upstream"):
        settings = Settings(**configuration.resolve({"preset": preset})["language"]["qformer"])
        assert settings == Settings()
    with torch.device("meta"):
        block = Block(2048, settings)
    assert settings.latents == 64 and settings.blocks == 3
    shapes = {name: tuple(p.shape) for name, p in block.named_parameters() if p.ndim == 2}
    attention = {"query": (4096, 2048), "key_value": (8192, 2048), "out": (2048, 4096)}
    expected = {f"{part}.{name}.weight": shape
                for part in ("dna", "question") for name, shape in attention.items()}  # fmt: skip
    assert shapes == expected | {"mlp.1.weight": (11008, 2048), "mlp.3.weight": (2048, 11008)}
    norms = [name for name, module in block.named_modules() if isinstance(module, nn.LayerNorm)]
    assert norms == ["dna.norm", "question.norm", "mlp.0"]


@torch.no_grad()
def test_full_scale_the_scale_of_the_vectors_is_free(build, prompt):
    """Token embeddings deviate by 0.02 to 0.03. At the paper's width the published form starts at
    0.35, the linear adapter at 0.58; an output norm starts at 1, whatever is in front of it."""
    scales = {}
    for norms in (False, True):
        method = build("qformer", settings={"norms": norms})
        batch = encoded(method, prompt("ACGTTGCA" * 50))
        start = method.vectors(batch)[1:-1].std(1)
        method.latents *= 0.1
        for block in method.blocks:
            for layer in (block.dna.out, block.question.out, block.mlp[3]):
                layer.weight *= 0.1
                layer.bias *= 0.1
        scales[norms] = (method.vectors(batch)[1:-1].std(1) / start).tolist()
    assert scales[True] == pytest.approx([1] * 3, rel=0.02)
    assert max(scales[False]) < 0.2
