"""The file that a training resumes from: to the same bits, or, where it is damaged, not at all."""

import zipfile
from pathlib import Path

from seqfuse.files import atomic
from seqfuse.progress import say
from seqfuse.training import processes
from seqfuse.training.device import device
from seqfuse.training.preemption import set_aside


class Checkpoint:
    """One training's state on disk: tensors and plain values, and every generator's state.

    `fingerprint` names settings, data and code: a file with another one counts as none, and says
    so. One that cannot be read is set aside, and says so too. Of several processes the leader
    writes, and each reads.
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path, self._fingerprint = path, fingerprint

    def save(self, state: dict) -> None:
        """Write `state`, which the leader alone must have."""
        import torch

        content = {
            "fingerprint": self._fingerprint,
            "random": processes.gathered(_random_state()),
            "state": state,
        }
        if processes.leads():
            with atomic(self.path) as temporary:
                torch.save(content, temporary)
        processes.wait()

    def resume(self) -> dict | None:
        """What was saved, with the generators set back to it; None if there is nothing to use."""
        content = _read(self.path)
        if isinstance(content, Exception):
            if processes.leads():
                set_aside(self.path, content, "training starts anew")
            return None
        if content is None:
            return None
        if content["fingerprint"] != self._fingerprint:
            if processes.leads():
                say(f"{self.path}: made with other settings, data or code; starting anew")
            return None
        _set_random_state(content["random"][processes.rank()])
        return content["state"]


def discard(state: Path) -> None:
    """Remove the checkpoints of a finished job below its folder, half-written ones too; what was
    set aside stays."""
    for path in state.rglob("*.pt"):
        path.unlink()


def _read(path: Path) -> dict | Exception | None:
    """The content of a checkpoint, why it cannot be read, or None if there is none.

    torch itself looks at no checksum, and would load a flipped bit as a weight.
    """
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            if part := archive.testzip():
                return zipfile.BadZipFile(f"{part} does not match its checksum")
        return torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        return error


def _random_state() -> dict:
    """The state of torch's generators in this process."""
    import torch

    gpu = [torch.cuda.get_rng_state()] if device().type == "cuda" else []
    return {"cpu": torch.get_rng_state(), "gpu": gpu}


def _set_random_state(state: dict) -> None:
    import torch

    torch.set_rng_state(state["cpu"])
    for gpu in state["gpu"]:
        torch.cuda.set_rng_state(gpu)
