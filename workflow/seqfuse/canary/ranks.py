"""Gather what the ranks of a job found, and try an all-reduce over their devices.

Rank 0 reports for all. A rank that cannot reach the others does not wait for them and ends without
an error, so that no launcher kills rank 0 before it has reported what is wrong.
"""

import datetime
import os
import threading
from collections.abc import Callable

from seqfuse.canary.findings import Finding, failed
from seqfuse.training.device import device

_SECONDS = 60.0
_FIX = (
    "check that nodes reach each other, and the interface that NCCL_SOCKET_IFNAME (on CPUs"
    " GLOO_SOCKET_IFNAME) names"
)


def rank() -> int:
    """The number of this process, from 0, as launchers set it."""
    return int(os.environ.get("RANK", 0))


def local_rank() -> int:
    """The number of this process on its node."""
    return int(os.environ.get("LOCAL_RANK", 0))


def together(
    node: str, own: list[Finding], give_up: Callable[[list[Finding]], None]
) -> list[Finding]:
    """What this rank reports: rank 0 the findings of all ranks and of the all-reduce.

    The others report nothing, or their own findings if they cannot reach rank 0. `give_up` is
    called with findings if the ranks hang; it must end the process.
    """
    import torch.distributed

    ranks, limit = int(os.environ["WORLD_SIZE"]), datetime.timedelta(seconds=_SECONDS)
    hung = _with(own, node, f"not all of {ranks} ranks answered within {2 * _SECONDS:.0f} s")
    watch = threading.Timer(2 * _SECONDS, give_up, (hung,))
    watch.daemon = True
    watch.start()
    rows = own
    try:
        torch.distributed.init_process_group("gloo", timeout=limit)
        gathered: list[list[Finding]] = [[] for _ in range(ranks)]
        torch.distributed.all_gather_object(gathered, own)
        everyone = [finding for findings in gathered for finding in findings]
        rows = everyone if rank() == 0 else []
        summed = _sum(node, ranks, bool(failed(everyone)))
        return [*rows, summed] if rank() == 0 else []
    except (RuntimeError, ValueError) as error:
        return _with(rows, node, " ".join(str(error).split("\n")[0].split()))
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        watch.cancel()


def _with(rows: list[Finding], node: str, message: str) -> list[Finding]:
    """Findings and, in rank 0, why the all-reduce failed."""
    return [*rows, _complaint(node, message)] if rank() == 0 else rows


def _complaint(node: str, message: str) -> Finding:
    return Finding(node, "all-reduce", message, "a sum over all ranks", False, _FIX)


def _sum(node: str, ranks: int, faulty: bool) -> Finding:
    """Whether an all-reduce adds up the rank numbers, from 1: by NCCL on GPUs, by gloo on CPUs."""
    import torch
    import torch.distributed

    if faulty:
        return Finding(node, "all-reduce", "not tried, because other checks failed", passed=None)
    place = device()
    backend = "nccl" if place.type == "cuda" else "gloo"
    if place.type == "cuda":
        torch.cuda.set_device(local_rank())
    # An NCCL group that times out ends the process silently, so the watch must come first.
    patience = datetime.timedelta(seconds=10 * _SECONDS)
    group = torch.distributed.new_group(backend=backend, timeout=patience)
    number = torch.tensor([rank() + 1.0], device=place)
    torch.distributed.all_reduce(number, group=group)
    total, wanted = number.item(), ranks * (ranks + 1) / 2
    if total != wanted:
        return _complaint(node, f"{backend} adds up to {total:g} instead of {wanted:g}")
    return Finding(node, "all-reduce", f"{backend} over {ranks} ranks")
