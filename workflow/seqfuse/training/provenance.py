"""What changes the bits of a result besides settings and code: files, torch, threads, device."""

from pathlib import Path

import torch

from seqfuse.files import sha256
from seqfuse.training import processes
from seqfuse.training.device import device


def surroundings() -> list:
    """What besides inputs and code changes the bits of a result."""
    return [torch.__version__, torch.get_num_threads(), str(device()), processes.count()]


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every tensor and configuration file in a folder, by its path there."""
    paths = [*folder.rglob("*.safetensors"), *folder.rglob("*.json")]
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(paths)}
