"""What a step takes, found without taking it: the coefficients against other batches, against a
formula, and what counting must not keep alive."""

import pytest
import torch

from seqfuse.language.tracing import traced_step
from seqfuse.language.tracing.coefficients import bounded
from seqfuse.language.tracing.traced_step import Size
from seqfuse.training.cost import flop_counter
from seqfuse.training.live_memory import Live, taken

SHAPE = {
    "vocab_size": 2000,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
ENCODER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ONEVOCAB = {"k": 3, "alphabet": "ACGT", "initialisation": "random"}
ONEVOCAB["trainable_parts"] = ["dna", "text", "backbone"]
ANSWERS = {"job": "predict", "lora_rank": 0}
ANSWERS["backbone"] = {"layout": "qwen3", "shape": SHAPE | {"num_hidden_layers": 12}}
BATCH = Size(rows=3, nucleotides=1200, question=500, reasoning=200)


def request(method: str, **changed) -> dict:
    """Of a tiny method, whole, in float32."""
    reads = method in ("linear", "linear_tuned")
    encoder = {"layout": "nucleotide-transformer-v2", "shape": ENCODER | {"intermediate_size": 48}}
    return {
        "job": "finetune",
        "method": method,
        "backbone": {"layout": "qwen3", "shape": SHAPE},
        "encoder": encoder if reads else None,
        "lora_rank": 8,
        "gradient_checkpointing": False,
        "precision": "float32",
        "settings": ONEVOCAB if method == "onevocab" else {},
    } | changed


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("linear", {}),
        ("linear_tuned", {}),
        ("onevocab", {"lora_rank": 0}),
        ("text_only", ANSWERS),
        ("linear", ANSWERS),
    ],
)
def test_rehearse_coefficients_tell_of_a_batch_that_they_were_not_made_from(method, changed):
    asked = request(method, **changed)
    found = traced_step.traced(asked)
    module = traced_step.build(asked, asked["backbone"]["shape"]["num_hidden_layers"])
    examples = traced_step.encoded(module, BATCH, learns=asked["job"] == "finetune")
    batch = traced_step.measures(asked, examples)
    peak, flops = (
        sum(value * batch[name] for name, value in found[kind].items())
        for kind in ("peak", "flops")
    )
    took = traced_step.run(module, examples, asked)
    assert took.peak == pytest.approx(peak, rel=0.15)
    # An encoder that trains with the method attends by squares of its own, which are left out.
    assert took.flops == pytest.approx(flops, rel=0.1 if method == "linear_tuned" else 0.01)


def test_rehearse_coefficients_of_a_peak_in_two_places_bound_both():
    """As where a Q-former reads states, or the backbone tokens."""
    batches = [{"tokens": t, "states": s} for t, s in ((1, 9), (9, 1), (5, 5), (2, 2))]
    takes = [max(3 * batch["tokens"], 2 * batch["states"]) for batch in batches]
    found = bounded(("tokens", "states"), batches, takes)
    bounds = [found["tokens"] * b["tokens"] + found["states"] * b["states"] for b in batches]
    assert all(bound >= take - 1e-9 for bound, take in zip(bounds, takes, strict=True))
    assert found["tokens"] <= 3 and found["states"] <= 2


def test_rehearse_flop_are_those_of_the_formula():
    """6 a weight and token, 2 in each of three products, and the attention's own."""
    asked = request("text_only", lora_rank=0)
    found = traced_step.traced(asked)
    width, inner, blocks = SHAPE["hidden_size"], SHAPE["intermediate_size"], 4
    heads, keys, wide = 4, 2, 16
    block = width * wide * (2 * heads + 2 * keys) + 3 * width * inner
    # The first layer's input has a gradient, because the table of tokens is trained.
    assert found["flops"]["tokens"] == pytest.approx(6 * blocks * block, rel=1e-3)
    # Forward 2 products, backward 5 of them: 2 FLOP each, every head.
    assert found["flops"]["squares"] == pytest.approx(7 * 2 * blocks * heads * wide, rel=1e-3)
    assert found["flops"]["answers"] == pytest.approx(6 * width * SHAPE["vocab_size"], rel=1e-3)


def test_rehearse_holds_resident_memory_to_the_model():
    found = traced_step.traced(request("text_only", lora_rank=0))["resident"]
    module = traced_step.build(request("text_only", lora_rank=0), 4)
    assert found["parameters"] == found["trained"] == sum(p.numel() for p in module.parameters())
    assert found["bytes"] == 4 * found["parameters"]
    assert found["cached"] == 2 * 4 * 2 * 16 * 4, "keys and values, blocks, heads, width, float32"


def test_counting_flop_leaves_recomputation_its_memory():
    """A block more costs its input alone, not all that it computes, while FLOP are counted, too."""

    def peak(blocks: int) -> int:
        module = traced_step.build(request("text_only", gradient_checkpointing=True), blocks)
        examples = traced_step.encoded(module, BATCH, learns=True)
        return traced_step.run(module, examples, request("text_only")).peak

    tokens = BATCH.rows * (BATCH.question + BATCH.reasoning)
    per_token = (peak(6) - peak(2)) / 4 / tokens
    assert per_token < 4 * 4 * SHAPE["hidden_size"]


def test_a_counter_of_flop_counts_all_of_them():
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    with flop_counter() as counter:
        left @ right
    assert counter.get_total_flops() == 2 * 3 * 5 * 7


def test_a_peak_is_the_most_that_was_alive_at_once():
    module = torch.nn.Linear(10, 10, bias=False, device="meta")
    with torch.no_grad():
        found = taken(module, lambda layer: layer(torch.zeros(5, 10)))
    assert (found.resident, found.flops) == (400, 2 * 5 * 10 * 10)
    assert found.peak == 400, "the input and what is made of it, 200 bytes each"


def test_a_storage_is_counted_once_and_until_it_is_gone():
    with Live() as live:
        one = torch.empty(1000)
        view = one.view(10, 100)
        assert live.now == live.peak == 4000
        two = torch.empty(500) + 1  # two tensors of 2,000 bytes, the first of which is gone
        assert (live.now, live.peak) == (6000, 8000)
        del one
        assert live.now == 6000, "the view keeps the storage"
        del view, two
        assert (live.now, live.peak) == (0, 8000)
