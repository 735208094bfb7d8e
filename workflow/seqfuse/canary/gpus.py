"""Whether the GPUs granted to a job work: CUDA, bfloat16, and as much memory as declared.

torch is imported only where a GPU was granted.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqfuse.canary.findings import Finding
from seqfuse.errors import UserError
from seqfuse.training.device import CHOICE, cpu_chosen, device, grant

if TYPE_CHECKING:
    import torch

# Rows and columns of the matrices that are multiplied, and the largest relative error. Rounding
# both to bfloat16, with 8 bits of mantissa, changes their product by a quarter of a percent.
_SIZE, _MOST_ERROR = 512, 0.01
_GIGABYTE = 10**9


def check(
    node: str, wanted: int, memory_gb: float | None, slurm: bool, rank: int | None
) -> Iterator[Finding]:
    """Check that this node has `wanted` GPUs, each with `memory_gb` (10^9 bytes) free.

    With `slurm`, they were requested of Slurm, so that their absence is a fault. Of several ranks
    on a node, each checks its own GPU, number `rank`, and the first also checks the node; a single
    process (None) checks all.
    """
    count, whole = _node(node, wanted, slurm)
    if not rank:
        yield whole
    for index in range(count) if rank is None else {rank} & {*range(count)}:
        yield _product(node, index)
        yield _memory(node, index, memory_gb)


def _node(node: str, wanted: int, slurm: bool) -> tuple[int, Finding]:
    """How many GPUs can be used, and the finding about the node as a whole."""
    if cpu_chosen():
        return 0, Finding(node, "GPU", f"the CPU is chosen ({CHOICE}=cpu)", passed=None)
    granted = grant()
    if not granted:
        return 0, _none_granted(node, wanted, slurm)
    try:
        device()
    except UserError as error:
        return 0, Finding(node, "GPU", str(error), passed=False)
    import torch

    count = torch.cuda.device_count()
    fix = "look at the node with `nvidia-smi`, or request fewer (`gpu` in config.yaml)"
    usable = f"{count} usable ({granted})"
    return count, Finding(node, "GPU", usable, f"{wanted}", count >= wanted, fix)


def _none_granted(node: str, wanted: int, slurm: bool) -> Finding:
    if not slurm:
        return Finding(node, "GPU", "none granted; models compute on the CPU", passed=None)
    fix = "look at `gpu` in config.yaml and at the partition in slurm/partitions.yaml"
    return Finding(node, "GPU", "Slurm granted none", f"{wanted} GPUs", False, fix)


def _product(node: str, index: int) -> Finding:
    """Whether a matrix product in bfloat16 agrees with float32 on the CPU."""
    import torch

    check = f"GPU {index} bfloat16"
    name = torch.cuda.get_device_name(index)
    fix = f"report this node, and keep jobs off it (slurm_extra: --exclude={node})"
    try:
        error = _error(_place(index))
    except RuntimeError as failure:
        message = " ".join(str(failure).split("\n")[0].split())
        return Finding(node, check, f"{name}: {message}", "a matrix product", False, fix)
    deviation = f"{name}: a product is {error:.2%} off"
    return Finding(node, check, deviation, f"at most {_MOST_ERROR:.0%}", error <= _MOST_ERROR, fix)


def _place(index: int) -> "torch.device":
    import torch

    return torch.device("cuda", index)


def _error(place: "torch.device") -> float:
    """The relative error of a matrix product in bfloat16 on a device, against float32 on the
    CPU."""
    import torch

    left, right = torch.randn(2, _SIZE, _SIZE, generator=torch.Generator().manual_seed(0))
    right_there = right.to(place, torch.bfloat16)
    product = (left.to(place, torch.bfloat16) @ right_there).float().cpu()
    exact = left @ right
    return ((product - exact).norm() / exact.norm()).item()


def _memory(node: str, index: int, memory_gb: float | None) -> Finding:
    import torch

    check = f"GPU {index} memory"
    free, total = (size / _GIGABYTE for size in torch.cuda.mem_get_info(index))
    measured = f"{free:.1f} GB free of {total:.1f} GB"
    if memory_gb is None:
        return Finding(node, check, measured, "none declared", None)
    fix = (
        "request another GPU (`gpu: {model: ...}`), or declare its memory (`gpu: {memory_gb: ...}`)"
    )
    return Finding(node, check, measured, f"{memory_gb:g} GB", free >= memory_gb, fix)
