"""The loss of a language model's vocabulary projection, without ever holding all of its logits."""

import torch
from torch import Tensor

# Logits that are held at once: a block of this many floats stays in a CPU's cache.
_BLOCK = 2**19


def summed_nats(hidden: Tensor, table: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of -log softmax(hidden @ table.T)[target] over rows, as a float32 scalar.

    hidden [N, W], table [V, W], targets int64[N], weights float32[N]. Logits are made and used up
    block by block; the gradients are computed on the way, where they are wanted, so that the
    softmax is computed once.
    """
    return _SummedNats.apply(hidden, table, targets, weights)


class _SummedNats(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden: Tensor, table: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad[:2]
        to_hidden = torch.zeros_like(hidden) if wanted[0] else None
        to_table = torch.zeros_like(table) if wanted[1] else None
        total = hidden.new_zeros((), dtype=torch.float32)
        rows = max(1, _BLOCK // len(table))
        blocks = (tensor.split(rows) for tensor in (hidden, targets, weights))
        for start, (block, target, weight) in zip(
            range(0, len(hidden), rows), zip(*blocks, strict=True), strict=True
        ):
            scores = (block @ table.T).float()
            own = target[:, None]
            chosen = scores.gather(1, own)[:, 0]
            highest = scores.amax(1, keepdim=True)
            odds = scores.sub_(highest).exp_()
            sums = odds.sum(1, keepdim=True)
            total += ((sums.log() + highest)[:, 0] - chosen).dot(weight)
            if not any(wanted):
                continue
            # d nats / d scores = softmax - one at the target.
            slopes = odds.mul_(weight[:, None] / sums)
            slopes.scatter_add_(1, own, -weight[:, None])
            slopes = slopes.to(table.dtype)
            if to_hidden is not None:
                to_hidden[start : start + rows] = slopes @ table
            if to_table is not None:
                to_table.addmm_(slopes.T, block.to(table.dtype))
        ctx.save_for_backward(to_hidden, to_table)
        return total

    @staticmethod
    def backward(ctx, slope: Tensor):
        found = [None if grad is None else grad * slope for grad in ctx.saved_tensors]
        return *found, None, None
