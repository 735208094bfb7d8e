"""A model spread over all processes (FSDP, arXiv 2304.11277), and how they give up a pass together.

A process that runs out of memory leaves its pass, while the others wait for it to exchange weights.
Before each such exchange all processes therefore agree that none did, over the CPU.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

# Not exported, though `set_custom_all_gather` asks for one of them.
from torch.distributed.fsdp._fully_shard._fsdp_collectives import (
    DefaultAllGather,
    DefaultReduceScatter,
)
from torch.distributed.tensor import DTensor

from seqfuse.training.distributed import processes


class _AllGather(DefaultAllGather):
    def __call__(self, *args, **kwargs):
        processes.agree()
        return super().__call__(*args, **kwargs)


class _ReduceScatter(DefaultReduceScatter):
    def __call__(self, *args, **kwargs):
        processes.agree()
        return super().__call__(*args, **kwargs)


def shard(body: nn.Module, blocks: Iterable[nn.Module], whole: set[nn.Parameter]) -> None:
    """Spread the blocks of a model's body, their gradients and their optimiser state over all
    processes; the parameters `whole` stay so in each."""
    device = next(body.parameters()).device.type
    mesh = init_device_mesh(device, (processes.count(),))
    for part in (*blocks, body):
        fully_shard(part, mesh=mesh, ignored_params=whole)
        part.set_custom_all_gather(_AllGather())
        part.set_custom_reduce_scatter(_ReduceScatter())


def abandon(model: nn.Module) -> None:
    """Forget a pass that was left in the middle: gathered weights, gradients, open exchanges."""
    # While a block's weights are gathered, the gradients are theirs.
    model.zero_grad(set_to_none=True)
    sharded = [part for part in model.modules() if isinstance(part, FSDPModule)]
    if sharded:
        # The outermost comes first, and resets all.
        sharded[0].reset_iter_state()
    model.zero_grad(set_to_none=True)


def local(tensor: Tensor) -> Tensor:
    """This process's part of a tensor; all of it where it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def recut(parts: Sequence, rank: int, count: int):
    """What process `rank` of `count` has of what other processes had: of tensors that are spread
    along their first axis its rows, by whatever names they are nested in; plain numbers of the
    optimiser, which all have, as they are. Copies no more than that."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: recut([part[key] for part in parts], rank, count) for key in first}
    if first.ndim == 0:
        return first
    rows = sum(len(part) for part in parts)
    size = -(-rows // count)
    start, stop = min(rank * size, rows), min((rank + 1) * size, rows)
    pieces, before = [first[:0]], 0
    for part in parts:
        pieces.append(part[max(start - before, 0) : max(stop - before, 0)])
        before += len(part)
    return torch.cat(pieces)


def like(parameter: nn.Parameter, part: Tensor) -> Tensor:
    """A copy of a tensor that is spread as `parameter` is, from this process's part of it."""
    part = part.to(local(parameter).device, copy=True)
    if not isinstance(parameter, DTensor):
        return part
    return DTensor.from_local(
        part,
        parameter.device_mesh,
        parameter.placements,
        shape=parameter.shape,
        stride=parameter.stride(),
    )
