"""What lets training be interrupted: when to save, and checkpoints that resume to the same bits.

It saves every few minutes, ahead of a job's deadline, and on SIGTERM.
"""

import math
import os
import signal
import time
from pathlib import Path

from seqfuse.files import atomic
from seqfuse.progress import say
from seqfuse.training.device import device

# Before the end of a job's time; more than saving takes, and than the slowest step.
_MARGIN_SECONDS = 120.0


class Interruption:
    """A context manager in which SIGTERM is remembered instead of obeyed.

    `minutes` lie between two saves, unless SIGTERM or the deadline comes first.
    """

    def __init__(self, minutes: float = 1.0):
        self.asked = False
        self._every = 60 * minutes

    def __enter__(self) -> "Interruption":
        self._last = time.monotonic()
        # Slurm says when it will end the job, in seconds since 1970.
        end = float(os.environ.get("SLURM_JOB_END_TIME", "inf"))
        self._deadline = self._last + end - time.time() - _MARGIN_SECONDS
        self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(self, *_) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def due(self) -> bool:
        """Whether it is time to save; asking starts the next interval."""
        now = time.monotonic()
        if not self.asked and now - self._last < self._every and now < self._deadline:
            return False
        if now >= self._deadline:
            self._deadline = math.inf
        self._last = now
        return True

    def leave(self) -> None:
        """End the process as SIGTERM would."""
        raise SystemExit(128 + signal.SIGTERM)

    def _remember(self, number, frame) -> None:
        self.asked = True


def save(path: Path, fingerprint: str, state: dict) -> None:
    """Write a checkpoint: `state` (tensors and plain values) and every generator's state."""
    import torch

    content = {"fingerprint": fingerprint, "random": random_state(), "state": state}
    with atomic(path) as temporary:
        torch.save(content, temporary)


def resume(path: Path, fingerprint: str) -> dict | None:
    """The state of a checkpoint, with the generators set back to it; None if there is none.

    A checkpoint with another fingerprint (of settings, data and code) counts as none, and says so.
    """
    import torch

    if not path.is_file():
        return None
    found = torch.load(path, weights_only=True, map_location="cpu")
    if found["fingerprint"] != fingerprint:
        say(f"{path}: made with other settings, data or code; starting anew")
        return None
    set_random_state(found["random"])
    return found["state"]


def random_state() -> dict:
    """The state of torch's generators in this process."""
    import torch

    gpu = [torch.cuda.get_rng_state()] if device().type == "cuda" else []
    return {"cpu": torch.get_rng_state(), "gpu": gpu}


def set_random_state(state: dict) -> None:
    """Set the generators back to a `random_state`."""
    import torch

    torch.set_rng_state(state["cpu"])
    for gpu in state["gpu"]:
        torch.cuda.set_rng_state(gpu)
