"""The loss that never holds all logits, against torch's own."""

import pytest
import torch
from torch.nn import functional as F

from seqfuse.language.methods import chunked_cross_entropy


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
