"""The optimiser of every method: AdamW's parameter groups, the learning rate, clipping."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def adamw(
    parameters: Mapping[str, nn.Parameter], learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW for named parameters, without weight decay on biases, norms and other vectors."""
    # Sharded parameters are updated in groups of their own.
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in parameters.values():
        kind = (isinstance(parameter, DTensor), parameter.ndim <= 1)
        groups.setdefault(kind, []).append(parameter)
    decaying = [
        {"params": groups[kind], "weight_decay": 0.0 if kind[1] else weight_decay}
        for kind in sorted(groups)
    ]
    return torch.optim.AdamW(decaying, lr=learning_rate, betas=(0.9, 0.999), fused=True)


def schedule(step: int, steps: int, warmup: float, kind: str) -> float:
    """The factor on the peak learning rate at a step, counted from 0.

    It rises linearly over the share `warmup` of the steps; then it is constant, or falls to zero
    along half a cosine.
    """
    warm = round(warmup * steps)
    if step < warm:
        return (step + 1) / warm
    if kind == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def clip(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients down together to the norm `max_norm`; returns their norm before that."""
    trained = [p for p in parameters if p.grad is not None]
    sharded = [p for p in trained if isinstance(p, DTensor)]
    plain = [p for p in trained if not isinstance(p, DTensor)]
    groups = [group for group in (plain, sharded) if group]
    norms = [_whole(nn.utils.get_total_norm([p.grad for p in group])) for group in groups]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    for group in groups:
        nn.utils.clip_grads_with_norm_(group, max_norm, norm)
    return norm


def _whole(tensor: Tensor) -> Tensor:
    """A tensor gathered from all processes."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
