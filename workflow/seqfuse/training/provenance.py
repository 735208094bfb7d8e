"""What changes the bits of a result besides settings, code and files: torch, threads, device."""

import torch

from seqfuse.training.device import device
from seqfuse.training.distributed import processes


def surroundings() -> list:
    """What besides inputs and code changes the bits of a result."""
    return [torch.__version__, torch.get_num_threads(), str(device()), processes.count()]
