"""The three encoders against their references, layer by layer; see golden/README.md."""

import json

import pytest
import torch
from safetensors.torch import save_file

from seqfuse import encoders
from seqfuse.errors import UserError

EXACT = {"ntv2": 1e-10, "rnafm": 1e-10, "esm2": 1e-7}
LOGITS = {"ntv2": 3e-5, "rnafm": 5e-6, "esm2": 5e-6}
HIDDEN = 2e-5


@torch.no_grad()
def differences(golden, encoder, case, reference):
    """The largest absolute difference of each layer (pads included) and of the logits."""
    ids, mask = golden.inputs(case)
    found = [encoder(ids, mask, layer=layer) for layer in range(encoder.depth + 1)]
    wanted = [golden.tensors[f"{reference}.hidden_states.{i}"] for i in range(len(found))]
    assert all(f.shape == w.shape for f, w in zip(found, wanted, strict=True))
    hidden = [(f - w).abs().max().item() for f, w in zip(found, wanted, strict=True)]
    logits = golden.logits(encoder(ids, mask, output="logits"))
    assert logits.shape == golden.tensors[f"{reference}.logits"].shape
    return hidden, (logits - golden.tensors[f"{reference}.logits"]).abs().max().item()


def test_float64(golden):
    encoder = encoders.load(golden.folder, dtype=torch.float64)
    hidden, logits = differences(golden, encoder, "batch", "batch64")
    assert len(hidden) == 4
    assert max(hidden) < EXACT[golden.name]
    assert logits < EXACT[golden.name]


@pytest.mark.parametrize(("case", "reference"), [("batch", "batch64"), ("single", "single")])
def test_float32(golden, case, reference):
    hidden, logits = differences(golden, encoders.load(golden.folder), case, reference)
    assert max(hidden) < HIDDEN
    assert logits < LOGITS[golden.name]


def test_without_a_mask_pads_are_tokens(goldens):
    golden = goldens["ntv2"]
    ids, mask = golden.inputs("nomask")
    assert mask is None and (ids == 1).any()
    hidden, logits = differences(golden, encoders.load(golden.folder), "nomask", "nomask")
    assert max(hidden) < HIDDEN
    assert logits < LOGITS["ntv2"]


def test_token_dropout_of_rna_fm(goldens, tmp_path):
    golden = goldens["rnafm"]
    config = golden.facts["config"] | {"model_type": "rna-fm", "token_dropout": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(golden.weights, tmp_path / "model.safetensors")
    found = differences(golden, encoders.load(tmp_path), "token_dropout", "token_dropout")
    assert max(found[0]) < HIDDEN
    assert found[1] < LOGITS["rnafm"]


@torch.no_grad()
def test_a_row_alone_equals_the_row_in_a_padded_batch(golden):
    encoder = encoders.load(golden.folder, dtype=torch.float64)
    ids, mask = golden.inputs("batch")
    together = encoder(ids, mask)
    for row in range(len(ids)):
        length = int(mask[row].sum())
        alone = encoder(ids[row : row + 1, :length])
        assert (alone[0] - together[row, :length]).abs().max() < EXACT[golden.name]


@torch.no_grad()
def test_layers_counted_from_either_end(golden):
    encoder = encoders.load(golden.folder)
    ids, mask = golden.inputs("batch")
    for back, front in ((-1, 3), (-2, 2), (-4, 0)):
        assert torch.equal(encoder(ids, mask, layer=back), encoder(ids, mask, layer=front))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"layer": 4}, "layers 0 to 3, or -1"),
        ({"layer": -5}, "layers 0 to 3, or -1"),
        ({"layer": 2, "output": "logits"}, "logits need the last layer"),
        ({"output": "attention"}, "give hidden or logits"),
    ],
)
def test_a_layer_or_output_that_is_not_there(golden, wanted, message):
    encoder = encoders.load(golden.folder)
    with pytest.raises(UserError, match=message):
        encoder(*golden.inputs("single"), **wanted)


@torch.no_grad()
def test_half_precision_keeps_the_frequencies_of_the_rotation(goldens):
    for name in ("ntv2", "esm2"):
        golden = goldens[name]
        exact = encoders.load(golden.folder).state_dict()
        for dtype in (torch.bfloat16, torch.float16):
            half = encoders.load(golden.folder, dtype=dtype)
            frequencies = {k: v for k, v in half.state_dict().items() if k.endswith("inv_freq")}
            assert len(frequencies) == 3
            assert all(torch.equal(value, exact[key]) for key, value in frequencies.items())
            hidden = half(*golden.inputs("batch"))
            assert hidden.dtype == dtype
            assert (hidden - golden.tensors["batch64.hidden_states.3"]).abs().max() < 0.3


def test_every_weight_that_is_read_is_trained(golden):
    encoder = encoders.load(golden.folder)
    ids, mask = golden.inputs("batch")
    encoder(ids, mask, output="logits").sum().backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None] == []
