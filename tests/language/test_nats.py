"""The loss that never holds all logits, against torch's own."""

import pytest
import torch
from torch.nn import functional as F

from seqfuse.language.backbones import chunked_cross_entropy


@pytest.fixture(params=[1, 60, 2**19], ids=["row by row", "three rows", "one block"])
def block(request, monkeypatch):
    monkeypatch.setitem(chunked_cross_entropy._BLOCK, "cpu", request.param)
    monkeypatch.setattr(chunked_cross_entropy, "_ROWS", 1)


def inputs():
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(10, 8, generator=generator, requires_grad=True)
    table = torch.randn(20, 8, generator=generator, requires_grad=True)
    targets = torch.randint(0, 20, (10,), generator=generator)
    return hidden, table, targets, torch.rand(10, generator=generator)


def test_loss_and_gradients_are_those_of_cross_entropy(block):
    hidden, table, targets, weights = inputs()
    plain = (F.cross_entropy(hidden @ table.T, targets, reduction="none") * weights).sum()
    expected = torch.autograd.grad(plain * 3, (hidden, table))
    loss = chunked_cross_entropy.summed_nats(hidden, [table], targets, weights)
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(torch.autograd.grad(loss * 3, (hidden, table)), expected)


def test_a_frozen_table_gets_no_gradient_and_large_scores_do_not_overflow(block):
    hidden, table, targets, weights = inputs()
    loss = chunked_cross_entropy.summed_nats(hidden * 1000, [table.detach()], targets, weights)
    assert torch.isfinite(loss)
    loss.backward()
    assert torch.isfinite(hidden.grad).all() and table.grad is None


def test_bfloat16_states_give_a_float32_loss(block):
    hidden, table, targets, weights = inputs()
    half = hidden.detach().bfloat16().requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked_cross_entropy.summed_nats(half, [table], targets, weights)
    assert loss.dtype == torch.float32
    loss.backward()
    assert half.grad.dtype == torch.bfloat16 and table.grad.dtype == torch.float32
    plain = (F.cross_entropy(hidden @ table.T, targets, reduction="none") * weights).sum()
    torch.testing.assert_close(loss, plain, rtol=0.02, atol=0)
    expected = torch.autograd.grad(plain, (hidden, table))
    for found, exact in zip((half.grad.float(), table.grad), expected, strict=True):
        assert (found - exact).norm() < 0.02 * exact.norm()


def test_a_table_in_two_parts_is_one_vocabulary(block):
    hidden, table, targets, weights = inputs()
    parts = [part.detach().requires_grad_() for part in table.split([13, 7])]
    whole = chunked_cross_entropy.summed_nats(hidden, [table], targets, weights)
    found = chunked_cross_entropy.summed_nats(hidden, parts, targets, weights)
    torch.testing.assert_close(found, whole)
    expected = torch.autograd.grad(whole, (hidden, table))
    to_hidden, *to_parts = torch.autograd.grad(found, (hidden, *parts))
    torch.testing.assert_close(to_hidden, expected[0])
    torch.testing.assert_close(torch.cat(to_parts), expected[1])


def test_full_scale_blocks_are_as_large_as_the_device_wants():
    """Qwen3's vocabulary and 6-mers: on a GPU a chunk's 3,430 answer tokens are three blocks, each
    of which reads the table of 343 M weights once; on a CPU a block stays in its cache."""
    vocabulary = 151_936 + 5**6 + 7
    assert chunked_cross_entropy.rows_at_once("cpu", vocabulary) == 96
    on_a_gpu = chunked_cross_entropy.rows_at_once("cuda", vocabulary)
    assert on_a_gpu == 2**28 // vocabulary == 1601 and -(-3430 // on_a_gpu) == 3


@pytest.mark.parametrize("weighted", [False, True])
def test_full_scale_loss_is_plain_cross_entropy_and_the_table_is_cast_once(block, weighted):
    """Under autocast, however many blocks there are."""
    hidden, table, targets, weights = inputs()
    weights = weights if weighted else torch.ones_like(weights)

    class Casts(torch.utils._python_dispatch.TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            cast = function is torch.ops.aten._to_copy.default
            self.count += cast and args[0].shape == table.shape
            return function(*args, **(kwargs or {}))

    with torch.autocast("cpu", torch.bfloat16), Casts() as casts:
        loss = chunked_cross_entropy.summed_nats(hidden, [table], targets, weights)
    assert casts.count == 1
    half = (tensor.bfloat16().float() for tensor in (hidden, table))
    scores = torch.mm(*(tensor.T if place else tensor for place, tensor in enumerate(half)))
    plain = (F.cross_entropy(scores.bfloat16().float(), targets, reduction="none") * weights).sum()
    torch.testing.assert_close(loss, plain)
    expected = torch.autograd.grad(plain, (hidden, table))
    for found, exact in zip(torch.autograd.grad(loss, (hidden, table)), expected, strict=True):
        assert (found - exact).norm() < 0.01 * exact.norm()
