"""What affects the bits of a result besides settings, code and files: torch, threads, device."""

import torch

from seqfuse.training.device import device


def surroundings() -> list:
    """torch's version, the number of threads and the device, which affect the bits of a result.

    The number of processes does so too, but is not in the list: a training may resume with another
    number, which the log then states.
    """
    return [torch.__version__, torch.get_num_threads(), str(device())]
