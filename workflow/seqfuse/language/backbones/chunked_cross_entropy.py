"""Cross-entropy over a language model's vocabulary, without ever holding all logits."""

import torch
from torch import Tensor

# Logits in a block. On a CPU a block fits its cache; on a GPU it is large, because every block
# reads the whole table (measured: docs/gpu.md).
_BLOCK = {"cpu": 2**19, "cuda": 2**28}
# The fewest rows in a block: with fewer, reading a large table takes longer than the product.
_ROWS = 96


def summed_nats(
    hidden: Tensor,
    tables: list[Tensor],
    targets: Tensor,
    weights: Tensor,
    cap: float | None = None,
) -> Tensor:
    """The weighted sum of -log softmax(hidden @ table.T)[target] over rows, as a float32 scalar;
    with `cap`, logits are cap tanh(product / cap).

    hidden [N, W], tables [V_i, W] (the parts of one vocabulary, in order), targets int64[N],
    weights float32[N]. Logits are computed block by block and then discarded; gradients are
    computed in the same pass if they are needed, so that the softmax is computed once. The parts
    are never concatenated into one table. Under autocast, products have its dtype, and sums over
    blocks that of the tables.
    """
    return _SummedNats.apply(hidden, targets, weights, cap, *tables)


def rows_at_once(device: str, vocabulary: int) -> int:
    """The number of rows in a block."""
    return max(_ROWS, _BLOCK[device] // vocabulary)


class _SummedNats(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        hidden: Tensor,
        targets: Tensor,
        weights: Tensor,
        cap: float | None,
        *tables: Tensor,
    ) -> Tensor:
        wants_hidden, *wants_tables = ctx.needs_input_grad[:1] + ctx.needs_input_grad[4:]
        to_hidden = torch.empty_like(hidden) if wants_hidden else None
        to_tables = [
            torch.empty_like(table) if wanted else None
            for table, wanted in zip(tables, wants_tables, strict=True)
        ]
        total = hidden.new_zeros((), dtype=torch.float32)
        sizes = [len(table) for table in tables]
        rows = rows_at_once(hidden.device.type, sum(sizes))
        dtype = _product_dtype(hidden, tables[0])
        # Cast once rather than in every block.
        cast = [table.to(dtype) for table in tables]
        blocks = (tensor.split(rows) for tensor in (hidden, targets, weights))
        for start, (block, target, weight) in zip(
            range(0, len(hidden), rows), zip(*blocks, strict=True), strict=True
        ):
            block = block.to(dtype)
            scores = torch.cat([(block @ table.T).float() for table in cast], dim=1)
            cap_slope = None
            if cap is not None:
                scores = scores.div_(cap).tanh_()
                cap_slope = 1 - scores.square()
                scores = scores.mul_(cap)
            own = target[:, None]
            chosen = scores.gather(1, own)[:, 0]
            highest = scores.amax(1, keepdim=True)
            odds = scores.sub_(highest).exp_()
            sums = odds.sum(1, keepdim=True)
            total += ((sums.log() + highest)[:, 0] - chosen).dot(weight)
            if not (wants_hidden or any(wants_tables)):
                continue
            # d nats / d scores = softmax - 1 at the target.
            slopes = odds.mul_(weight[:, None] / sums)
            slopes.scatter_add_(1, own, -weight[:, None])
            if cap_slope is not None:
                slopes = slopes.mul_(cap_slope)
            parts = slopes.to(dtype).split(sizes, dim=1)
            if to_hidden is not None:
                to_hidden[start : start + rows] = sum(
                    part @ table for part, table in zip(parts, cast, strict=True)
                )
            for grad, part in zip(to_tables, parts, strict=True):
                if grad is not None:
                    _add_product(grad, part.T, block, first=not start)
        ctx.save_for_backward(to_hidden, *to_tables)
        return total

    @staticmethod
    def backward(ctx, slope: Tensor):
        # In place, because these gradients are as large as the tables and nothing else uses them.
        grads = [None if grad is None else grad.mul_(slope) for grad in ctx.saved_tensors]
        return grads[0], None, None, None, *grads[1:]


def _product_dtype(hidden: Tensor, table: Tensor) -> torch.dtype:
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else table.dtype


def _add_product(total: Tensor, left: Tensor, right: Tensor, first: bool) -> None:
    """Add left @ right to `total`; for the `first` block, assign it."""
    if total.dtype != left.dtype:
        product = left @ right
        total.copy_(product) if first else total.add_(product)
    elif first:
        torch.mm(left, right, out=total)
    else:
        total.addmm_(left, right)
