"""What changes the bits of a result besides settings, code and files: torch, threads, device."""

import torch

from seqfuse.training.device import device


def surroundings() -> list:
    """What besides inputs and code changes the bits of a result. The number of processes does, too,
    but a training may go on in another one, which says so."""
    return [torch.__version__, torch.get_num_threads(), str(device())]
