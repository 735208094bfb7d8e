"""The file that a training resumes from: to the same bits, or, where it is damaged, not at all."""

import shutil
import uuid
import zipfile
from pathlib import Path

from seqfuse.files import atomic
from seqfuse.progress import say
from seqfuse.training.device import device
from seqfuse.training.distributed import processes
from seqfuse.training.interruption.preemption import set_aside

# Folders beside the file, with what each process of a sharded model has for itself.
_PARTS = "parts-"


class Checkpoint:
    """One training's state on disk: tensors and plain values, and every generator's state.

    `fingerprint` names settings, data and code: a file with another one counts as none, and says
    so. One that cannot be read is set aside, and says so too. Of several processes the leader
    writes, and each reads; where the model is sharded, each writes its part, too, and the leader's
    file, which names their folder, comes last: one rename publishes all of them.
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path, self._fingerprint = path, fingerprint

    def save(self, state: dict, part: dict | None = None) -> None:
        """Write `state`, which the leader alone must have, and this process's `part`, if any."""
        import torch

        # The leader's name for the folder holds for all.
        name = processes.gathered(f"{_PARTS}{uuid.uuid4().hex}")[0] if part else None
        if name:
            (self.path.parent / name).mkdir(parents=True, exist_ok=True)
            with atomic(self._part(name, processes.rank())) as temporary:
                torch.save(part, temporary)
        content = {
            "fingerprint": self._fingerprint,
            "random": processes.gathered(random_state()),
            "parts": name,
            "state": state,
        }
        if processes.leads():
            with atomic(self.path) as temporary:
                torch.save(content, temporary)
            _remove_parts(self.path.parent, besides=name)
        processes.wait()

    def resume(self) -> dict | None:
        """What was saved, with the generators set back to it; None if there is nothing to use.

        `part` in it is what this process wrote for itself, or, where another number of processes
        wrote it, what falls to this one.
        """
        # One process is enough to look at all of a file that all read.
        content, parts = _read(self.path, checked=processes.leads()), []
        if isinstance(content, dict) and content["parts"]:
            parts = self._parts_for(content["parts"], len(content["random"]))
        errors = [str(found) or type(found).__name__ for found in (content, *parts)
                  if isinstance(found, Exception)]  # fmt: skip
        if reasons := [reason for own in processes.gathered(errors) for reason in own]:
            if processes.leads():
                set_aside(self.path, reasons[0], "training starts anew")
            return None
        if content is None or self._foreign(content):
            return None
        before, rank = len(content["random"]), processes.rank()
        if rank < before:
            set_random_state(content["random"][rank])
        if before == processes.count():
            return content["state"] | {"part": parts[0] if parts else None}
        if processes.leads():
            say(
                f"{self.path}: written by {before} processes; {processes.count()} go on, to the"
                " same numbers but for their last digits, and but for what dropout draws"
            )
        # Not at the top: this module is read where nothing is trained, too.
        from seqfuse.training.distributed import sharding

        part = sharding.recut(parts, rank, processes.count()) if parts else None
        return content["state"] | {"part": part}

    def _parts_for(self, name: str, before: int) -> list[dict | Exception]:
        """What this process goes on from: its own part of as many processes as there are, else the
        parts of all of them, each looked at by one process."""
        rank, count = processes.rank(), processes.count()
        wanted = [rank] if before == count else range(before)
        found = []
        for other in wanted:
            path = self._part(name, other)
            checked = before == count or other % count == rank
            found.append(_read(path, checked) or FileNotFoundError(f"{path} is not there"))
        return found

    def all_parts(self) -> tuple[dict, list[dict]] | None:
        """What was saved, and the parts of all processes, to the one process that asks; None if
        there is nothing to use."""
        content = _read(self.path)
        if not isinstance(content, dict) or self._foreign(content):
            return None
        ranks = range(len(content["random"]) if content["parts"] else 0)
        parts = [_read(self._part(content["parts"], rank)) for rank in ranks]
        return (content["state"], parts) if all(isinstance(p, dict) for p in parts) else None

    def _part(self, name: str, rank: int) -> Path:
        return self.path.parent / name / f"rank{rank}.pt"

    def _foreign(self, content: dict) -> bool:
        if content["fingerprint"] == self._fingerprint:
            return False
        if processes.leads():
            say(f"{self.path}: made with other settings, data or code; starting anew")
        return True


def discard(state: Path) -> None:
    """Remove the checkpoints of a finished job below its folder, half-written ones too; what was
    set aside stays."""
    for path in state.rglob("*.pt"):
        path.unlink()
    for folder in list(state.rglob(f"{_PARTS}*")):
        shutil.rmtree(folder)


def random_state() -> dict:
    """The state of torch's generators in this process."""
    import torch

    gpu = [torch.cuda.get_rng_state()] if device().type == "cuda" else []
    return {"cpu": torch.get_rng_state(), "gpu": gpu}


def set_random_state(state: dict) -> None:
    """Set torch's generators back to a `random_state`."""
    import torch

    torch.set_rng_state(state["cpu"])
    for gpu in state["gpu"]:
        torch.cuda.set_rng_state(gpu)


def _remove_parts(folder: Path, besides: str | None) -> None:
    """Remove the parts of earlier checkpoints, half-written ones too."""
    for path in folder.glob(f"{_PARTS}*"):
        if path.name != besides:
            shutil.rmtree(path)


def _read(path: Path, checked: bool = True) -> dict | Exception | None:
    """The content of a checkpoint, why it cannot be read, or None if there is none.

    torch itself looks at no checksum, and would load a flipped bit as a weight. Tensors are mapped:
    a process has in its memory what it copies.
    """
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            if checked and (part := archive.testzip()):
                return zipfile.BadZipFile(f"{part} does not match its checksum")
        return torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        return error
