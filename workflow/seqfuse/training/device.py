"""The device that a job computes on: its GPU, or the CPU, but never the CPU by accident.

A machine without a GPU computes on the CPU. A job that was granted a GPU and cannot use it stops:
with a driver too old for the wheel, it would otherwise train a language model on a CPU until the
time limit. `SEQFUSE_DEVICE=cpu` in the environment, which Slurm jobs inherit, selects the CPU.
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
# Variables by which Slurm names a job's GPUs: lists of indices, in which "0" is a GPU, and counts,
# in which "0" means none.
_INDICES = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES")
_COUNTS = ("SLURM_GPUS_ON_NODE", "SLURM_GPUS", "SLURM_GPUS_PER_NODE", "SLURM_GPUS_PER_TASK")
_NO_DEVICE = {"", "-1", "NoDevFiles", "void", "none"}


def grant(environment: Mapping[str, str] = os.environ) -> str | None:
    """The variable that grants this process a GPU, as `VARIABLE=value`, or None without one."""
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
    """Whether SEQFUSE_DEVICE selects the CPU; `UserError` for any other value."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "cpu"):
        raise UserError(f"{CHOICE}={choice}: the only value is `cpu`; unset it to use a GPU")
    return choice == "cpu"


def device() -> "torch.device":
    """The device that models compute on; `UserError` if a granted GPU cannot be used.

    On a GPU this also switches float32 products to TF32 (see `float32_products`).
    """
    import torch

    if cpu_chosen():
        return torch.device("cpu")
    with warnings.catch_warnings():
        # The error below gives the reason in one line.
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
    """The arithmetic of float32 matrix products on a device of a kind ("cuda", "cpu").

    It is "tf32", with ten bits of mantissa, if the GPU supports that, else "ieee"; docs/gpu.md
    compares the two.
    """
    import torch

    able = kind == "cuda" and torch.cuda.is_tf32_supported()
    return "tf32" if able and torch.backends.cuda.matmul.allow_tf32 else "ieee"


def _why_unusable() -> str:
    """The reason that torch cannot use CUDA, and what to do about it."""
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
    """Bytes of memory that this process can still allocate.

    This is the smallest of what the machine, the control groups of the process (of a Slurm job or a
    container) and its GPU have left. `root` is the folder that holds proc and sys/fs/cgroup.
    """
    lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":") for line in lines)
    free = [1024 * int(fields["MemAvailable"].split()[0]), *_in_control_groups(root)]
    if device().type == "cuda":
        import torch

        free.append(torch.cuda.mem_get_info()[0])
    return min(free)


def _in_control_groups(root: Path) -> Iterator[int]:
    """Bytes left in each control group with a limit that this process is in, directly or not.

    Inactive file pages count as left, since the kernel would reclaim them.
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
        # In a container the group may be mounted at the top, while its path is the host's.
        for group in (folder, *folder.parents):
            limit = group / names[0]
            if limit.is_file() and (most := limit.read_text().strip()) != "max":
                used = int((group / names[1]).read_text())
                stat = (group / "memory.stat").read_text().splitlines()
                kept = dict(line.split() for line in stat)
                yield max(0, int(most) - used + int(kept.get(names[2], 0)))
            if group == top:
                break


def peak_memory_mb() -> int:
    """The peak memory of this process in MB: on its GPU, or resident memory if it has none."""
    import torch

    if device().type == "cuda":
        return torch.cuda.max_memory_allocated() // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
