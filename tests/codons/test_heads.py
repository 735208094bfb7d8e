"""The heads against one sequence at a time, without padding."""

import pytest
import torch
from torch.nn import functional

from seqfuse.codons.fusions.heads import KERNELS, MeanMLP, TextCNN

WIDTH, CHANNELS, OUTPUTS = 6, 5, 2
LENGTHS = (9, 5, 4, 3, 1)


@pytest.fixture
def sequences() -> list[torch.Tensor]:
    return [torch.randn(length, WIDTH) for length in LENGTHS]


def batch(sequences, width) -> tuple[torch.Tensor, torch.Tensor]:
    states = torch.zeros(len(sequences), width, WIDTH)
    for row, sequence in enumerate(sequences):
        states[row, : len(sequence)] = sequence
    return states, torch.arange(width) < torch.tensor(LENGTHS)[:, None]


def windows(conv, sequence) -> torch.Tensor:
    """Every window by itself, [places, channels]: inside the sequence, or inside 5 codons."""
    length = len(sequence)
    filled = functional.pad(sequence, (0, 0, 0, max(0, 5 - length)))
    kernel = conv.kernel_size[0]
    starts = [s for s in range(len(filled) - kernel + 1) if s < length]
    found = [
        torch.einsum("cwk,kw->c", conv.weight, filled[s : s + kernel]) + conv.bias for s in starts
    ]
    return torch.stack(found)


@pytest.mark.parametrize("width", [9, 16])
def test_textcnn_pools_the_windows_of_each_sequence(sequences, width):
    head = TextCNN(WIDTH, CHANNELS, OUTPUTS, dropout=0.2).eval()
    found = head(*batch(sequences, width))
    for row, sequence in enumerate(sequences):
        pooled = [windows(conv, sequence).relu().amax(0) for conv in head.kernels]
        wanted = head.out.weight @ torch.cat(pooled) + head.out.bias
        assert torch.allclose(found[row], wanted, atol=1e-6)


def test_gradients_of_textcnn_are_those_of_its_windows(sequences):
    head = TextCNN(WIDTH, CHANNELS, OUTPUTS, dropout=0.0).double()
    given = [sequence.double().requires_grad_() for sequence in sequences]
    asked = [*given, *head.parameters()]
    mask = batch(sequences, 12)[1]
    filled = [functional.pad(sequence, (0, 0, 0, 12 - len(sequence))) for sequence in given]
    found = torch.autograd.grad(head(torch.stack(filled), mask).square().sum(), asked)
    pooled = [
        torch.cat([windows(conv, sequence).relu().amax(0) for conv in head.kernels])
        for sequence in given
    ]
    wanted = torch.autograd.grad(head.out(torch.stack(pooled)).square().sum(), asked)
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_textcnn_has_windows_of_three_four_and_five_codons():
    """A sequence of 7 codons has 5, 4 and 3 windows."""
    head = TextCNN(WIDTH, 1, 1, dropout=0.0)
    mask = torch.arange(8) < 7
    assert KERNELS == (3, 4, 5)
    assert head._windows(mask[None])[0].sum(0).tolist() == [5, 4, 3]


def test_mean_mlp_averages_over_the_codons_of_each_sequence(sequences):
    head = MeanMLP(WIDTH, CHANNELS, OUTPUTS, dropout=0.2).eval()
    found = head(*batch(sequences, 12))
    first, last = head.layers[0], head.layers[3]
    for row, sequence in enumerate(sequences):
        hidden = (first.weight @ sequence.mean(0) + first.bias).clamp(min=0)
        assert torch.allclose(found[row], last.weight @ hidden + last.bias, atol=1e-6)


@pytest.mark.parametrize("head", [TextCNN, MeanMLP])
def test_dropout_is_for_training_alone(head, sequences):
    layer = head(WIDTH, 32, OUTPUTS, dropout=0.5)
    states, mask = batch(sequences, 9)
    assert not torch.equal(layer(states, mask), layer(states, mask))
    layer.eval()
    assert torch.equal(layer(states, mask), layer(states, mask))
