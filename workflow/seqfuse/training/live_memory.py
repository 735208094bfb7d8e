"""The memory and FLOP of a computation, measured without executing it.

The tensors of a module on the device `meta` are replaced by fake CPU tensors, which have shapes but
no values. The module's own code runs on them, and the storages that are alive at the same time are
summed. The kernels are those of a CPU; workspace of GPU kernels is not seen.
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
    """Bytes of a module's own tensors, peak bytes beyond these, and FLOP."""

    resident: int
    peak: int
    flops: int


def taken(module: Made, work: Callable[[Made], object]) -> Taken:
    """The memory and FLOP that `work` on a module on `meta` takes.

    Afterwards, the module's parameters are fake tensors.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    pretend(module, mode)
    with mode, Live() as live, flop_counter() as counter:
        for tensor in (*module.parameters(), *module.buffers()):
            live.hold(tensor)
        resident = live.now
        work(module)
    return Taken(resident, live.peak - resident, counter.get_total_flops())


class Live(TorchDispatchMode):
    """Sums the bytes of the storages that are alive, `now` and at the `peak`."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self._held: dict[int, int] = {}

    def hold(self, tensor: torch.Tensor) -> None:
        """Count a tensor's storage, once, until it is freed."""
        storage = tensor.untyped_storage()
        if id(storage) not in self._held:
            self._held[id(storage)] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, id(storage))

    def _drop(self, number: int) -> None:
        self.now -= self._held.pop(number)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self.hold, result)
        return result


def pretend(module: nn.Module, mode: FakeTensorMode) -> None:
    """Replace a module's tensors, which are on `meta`, by fake CPU tensors."""
    fakes: dict[int, torch.Tensor] = {}

    def fake(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in fakes:
            with mode:
                empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
            trained = tensor.requires_grad
            parameter = isinstance(tensor, nn.Parameter)
            fakes[id(tensor)] = nn.Parameter(empty, trained) if parameter else empty
        return fakes[id(tensor)]

    for part in module.modules():
        for held in (part._parameters, part._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    held[name] = fake(tensor)
