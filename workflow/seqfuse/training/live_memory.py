"""What a computation takes of memory and of FLOP, found without taking either.

A module that lies on `meta` is given fake CPU tensors, which have shapes and no values; its own
code runs on them, and the storages that live at once are summed. Kernels are those of a CPU: what a
GPU's keep beside them is not seen.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from seqfuse.training.cost import flop_counter

Made = TypeVar("Made", bound=nn.Module)


@dataclass(frozen=True)
class Taken:
    """Bytes of a module's own tensors, bytes at the peak beyond these, and FLOP."""

    resident: int
    peak: int
    flops: int


def taken(module: Made, work: Callable[[Made], object]) -> Taken:
    """What `work` of a module on `meta` takes. Its parameters are fake ones afterwards."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    pretend(module, mode)
    with mode, Live() as live, flop_counter() as counter:
        for tensor in (*module.parameters(), *module.buffers()):
            live.hold(tensor)
        resident = live.now
        work(module)
    return Taken(resident, live.peak - resident, counter.get_total_flops())


class Live(TorchDispatchMode):
    """Sums the bytes of the storages that are alive; `peak` is the most that ever were."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self._held: dict[int, int] = {}

    def hold(self, tensor: torch.Tensor) -> None:
        """Count a tensor's storage, once, until it is gone."""
        storage = tensor.untyped_storage()
        if id(storage) not in self._held:
            self._held[id(storage)] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, id(storage))

    def _drop(self, number: int) -> None:
        self.now -= self._held.pop(number)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self.hold, found)
        return found


def pretend(module: nn.Module, mode: FakeTensorMode) -> None:
    """Put fake CPU tensors in the place of a module's own, which lie on `meta`."""
    made: dict[int, torch.Tensor] = {}

    def fake(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            with mode:
                empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
            trained = tensor.requires_grad
            parameter = isinstance(tensor, nn.Parameter)
            made[id(tensor)] = nn.Parameter(empty, trained) if parameter else empty
        return made[id(tensor)]

    for part in module.modules():
        for held in (part._parameters, part._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    held[name] = fake(tensor)
