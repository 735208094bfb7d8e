"""The device that a job computes on: its GPU, or the CPU where it has none, but never by accident.

A machine without a GPU computes on the CPU. A job that was granted one and cannot use it stops: a
driver too old for the wheel would otherwise train a language model on a CPU until the time limit.
`SEQFUSE_DEVICE=cpu` in the environment, which jobs of Slurm inherit, says that the CPU is wanted.
"""

import os
import resource
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.errors import UserError

if TYPE_CHECKING:
    import torch

CHOICE = "SEQFUSE_DEVICE"
# How Slurm tells a job of its GPUs: lists of indices, in which "0" is a GPU, and counts, in which
# it is none.
_INDICES = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES")
_COUNTS = ("SLURM_GPUS_ON_NODE", "SLURM_GPUS", "SLURM_GPUS_PER_NODE", "SLURM_GPUS_PER_TASK")
_NO_DEVICE = {"", "-1", "NoDevFiles", "void", "none"}


def grant(environment: Mapping[str, str] = os.environ) -> str | None:
    """The grant of a GPU as `VARIABLE=value`, or None where this process was granted none."""
    for name in _INDICES:
        if environment.get(name, "").strip() not in _NO_DEVICE:
            return f"{name}={environment[name]}"
    for name in _COUNTS:
        # "2", "a100:2", or several kinds with a comma between them.
        counts = [kind.rsplit(":", 1)[-1] for kind in environment.get(name, "").split(",")]
        if any(count.strip() not in ("", "0") for count in counts):
            return f"{name}={environment[name]}"
    return None


def cpu_chosen() -> bool:
    """Whether the user asks for the CPU by SEQFUSE_DEVICE; a `UserError` for any other value."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "cpu"):
        raise UserError(f"{CHOICE}={choice}: `cpu` is the one value; unset it to use a GPU")
    return choice == "cpu"


def device() -> "torch.device":
    """Where models compute. A GPU that was granted and cannot be used is a `UserError`.

    On a GPU, products of float32 are taken in TF32 from then on: `float32_products`.
    """
    import torch

    if cpu_chosen():
        return torch.device("cpu")
    with warnings.catch_warnings():
        # Why there is none is said below, in one line.
        warnings.simplefilter("ignore")
        usable = torch.cuda.is_available()
    if usable:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        return torch.device("cuda")
    granted = grant()
    if granted:
        raise UserError(
            f"a GPU was granted ({granted}), but torch {torch.__version__} cannot use it:"
            f" {_why_unusable()}, or set {CHOICE}=cpu if you mean to compute on the CPU"
        )
    return torch.device("cpu")


def float32_products(kind: str) -> str:
    """What a product of float32 matrices is computed in on a device of a kind ("cuda", "cpu"):
    "tf32", of ten bits, where a GPU can do that (docs/gpu.md says how far it is from "ieee")."""
    import torch

    able = kind == "cuda" and torch.cuda.is_tf32_supported()
    return "tf32" if able and torch.backends.cuda.matmul.allow_tf32 else "ieee"


def _why_unusable() -> str:
    """Why torch cannot use CUDA, and what to do about it."""
    import torch

    if torch.version.cuda is None:
        return "it is built without CUDA; install a CUDA build of the same version"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
    else:
        reason = "torch.cuda.is_available() is false"
    return (
        f"it is built for CUDA {torch.version.cuda}, and the driver says: {reason}; check"
        " `nvidia-smi` on that node, and install a driver or a build of torch that fits"
    )


def free_memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process can still take: the least of what the machine has, what its
    control groups (of a Slurm job, a container) allow, and what its GPU has.

    `root` is where /proc and /sys/fs/cgroup lie.
    """
    lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":") for line in lines)
    free = [1024 * int(fields["MemAvailable"].split()[0]), *_in_control_groups(root)]
    if device().type == "cuda":
        import torch

        free.append(torch.cuda.mem_get_info()[0])
    return min(free)


def _in_control_groups(root: Path) -> Iterator[int]:
    """What every control group of this process with a limit has left, its own and those above it.

    What the kernel would give back, pages of files that nothing uses now, counts as left.
    """
    groups = root / "proc/self/cgroup"
    for line in groups.read_text(encoding="utf-8").splitlines() if groups.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, names = "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        top, folder = root / base, root / base / path.strip("/")
        # A container may see its group at the top, and name the path that the host has for it.
        for place in (folder, *folder.parents):
            limit = place / names[0]
            if limit.is_file() and (most := limit.read_text().strip()) != "max":
                used = int((place / names[1]).read_text())
                stat = (place / "memory.stat").read_text().splitlines()
                kept = dict(line.split() for line in stat)
                yield max(0, int(most) - used + int(kept.get(names[2], 0)))
            if place == top:
                break


def peak_memory_mb() -> int:
    """The most memory this process has held: on its GPU where it has one, else resident (MB)."""
    import torch

    if device().type == "cuda":
        return torch.cuda.max_memory_allocated() // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
