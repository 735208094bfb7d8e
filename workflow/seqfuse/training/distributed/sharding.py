"""A model sharded over all processes (FSDP, arXiv 2304.11277), which abandon a pass together.

If a process ran out of memory and left its pass, the others would wait for it at the next exchange
of weights. So before each such exchange, all processes agree over the CPU that none did.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

# torch does not export them, although `set_custom_all_gather` expects them.
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
    """Shard the blocks of a model's body, their gradients and optimiser state over all processes.

    The parameters in `whole` are not sharded.
    """
    device = next(body.parameters()).device.type
    mesh = init_device_mesh(device, (processes.count(),))
    for part in (*blocks, body):
        fully_shard(part, mesh=mesh, ignored_params=whole)
        part.set_custom_all_gather(_AllGather())
        part.set_custom_reduce_scatter(_ReduceScatter())


def abandon(model: nn.Module) -> None:
    """Clean up after an abandoned pass: gathered weights, gradients, open exchanges."""
    # While a block's weights are gathered, the gradients belong to the gathered parameters.
    model.zero_grad(set_to_none=True)
    sharded = [part for part in model.modules() if isinstance(part, FSDPModule)]
    if sharded:
        # The outermost module comes first, and resets all others.
        sharded[0].reset_iter_state()
    model.zero_grad(set_to_none=True)


def local(tensor: Tensor) -> Tensor:
    """This process's part of a tensor; the whole tensor if it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def recut(parts: Sequence, rank: int, count: int):
    """The part of process `rank` of `count`, cut from the `parts` of another number of processes.

    `parts` are tensors that are sharded along their first axis, or nested dicts of them. Scalars of
    the optimiser, which every process has, are returned as they are. Only the own rows are copied.
    """
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
    """A tensor that is sharded like `parameter`, from a copy of this process's `part`."""
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
