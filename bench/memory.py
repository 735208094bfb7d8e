"""The peak memory of training steps: computed without taking it, beside a process that takes it.

Computed: the method's own step on fake tensors (torch's FakeTensorMode), whose live storages are
summed. Measured: the high-water mark of a new process that does the same, above what its imports
took. The steps are those of the papers' methods on prompts of KEGG's lengths, in a model of the
middle shape of bench/gpu/shapes.py.
"""

import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from bench.gpu import shapes
from bench.measure import Setting, apart, result

METHODS = ("text_only", "linear", "qformer", "onevocab")
# Prompts of a step.
_BATCH = 4
# glibc keeps smaller blocks for later, which would count as the step's own.
_MMAP = {"MALLOC_MMAP_THRESHOLD_": "65536"}


def peak_memory(setting: Setting) -> dict:
    """Computed and measured megabytes of every method, in the order of `METHODS`; the ratio is that
    of the worst."""
    os.environ.update(_MMAP)
    table = []
    for name in METHODS:
        (_, measured), (_, found) = apart(_measured, name), apart(_computed, name)
        table.append({"computed": found / 1e6, "measured": measured / 1e6, "of": found / measured})
    worst = max(table, key=lambda row: abs(row["of"] - 1))
    pair = worst["computed"], worst["measured"]
    return result("peak_memory", *pair, "MB", 0, rows=_BATCH, table=table)


MEASURES = [peak_memory]


def _computed(name: str) -> int:
    """Bytes at the peak of two steps on fake tensors: the second has the optimiser's moments."""
    method = shapes.build(name, shapes.SHAPES["middle"], torch.device("meta"))
    examples = _examples(method)
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    _pretend(method, mode)
    with mode, Live() as live:
        for tensor in (*method.parameters(), *method.buffers()):
            live.hold(tensor)
        _steps(method, examples)
    return live.peak


def _measured(name: str) -> int:
    """Bytes that the same steps take at most in this process, above what it has taken before."""
    from seqfuse.training.lora import add_lora

    add_lora(nn.Sequential(nn.Linear(2, 2)), 1, ["0"])  # imports
    before = _high_water()
    method = shapes.build(name, shapes.SHAPES["middle"], torch.device("cpu"))
    _steps(method, _examples(method))
    return _high_water() - before


def _examples(method) -> Sequence:
    return shapes.encode(method, shapes.kegg(shapes.SHAPES["middle"], _BATCH))


def _steps(method, examples: Sequence) -> None:
    method.train()
    trained = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-6, fused=True)
    for _ in range(2):
        method.loss(method.batch(examples)).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


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


def _pretend(module: nn.Module, mode: FakeTensorMode) -> None:
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


def _high_water() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])
