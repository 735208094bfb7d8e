"""The checkpoint that a training resumes from, to the same bits; a damaged one is not used."""

import shutil
import uuid
import zipfile
from pathlib import Path

from seqfuse.files import atomic
from seqfuse.progress import say
from seqfuse.training.device import device
from seqfuse.training.distributed import processes
from seqfuse.training.interruption.preemption import set_aside

# The checkpoint in a training's state folder.
NAME = "checkpoint.pt"
# Prefix of the folders beside it that hold each process's part of a sharded model.
_PARTS = "parts-"


class Checkpoint:
    """One training's state on disk: tensors, plain values and the states of random generators.

    `fingerprint` identifies settings, data and code; a file with another fingerprint is ignored,
    and one that cannot be read is set aside, each with a message. If there are several processes,
    the leader writes and all read. If the model is sharded, each process also writes its part; the
    leader's file, which names the folder of the parts, is written last, so that one rename
    publishes all of them.
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path, self._fingerprint = path, fingerprint

    def save(self, state: dict, part: dict | None = None) -> None:
        """Write `state`, which only the leader needs to pass, and this process's `part`, if any."""
        import torch

        # All use the leader's name for the folder.
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
        """The saved state, after restoring the generators; None if there is no usable checkpoint.

        Its "part" is the part of this process; if another number of processes wrote the checkpoint,
        it is cut anew.
        """
        # All read this file; one of them verifies its checksums.
        content, parts = _read(self.path, checked=processes.leads()), []
        if isinstance(content, dict) and content["parts"]:
            parts = self._parts_for(content["parts"], len(content["random"]))
        errors = [str(read) or type(read).__name__ for read in (content, *parts)
                  if isinstance(read, Exception)]  # fmt: skip
        if reasons := [reason for own in processes.gathered(errors) for reason in own]:
            if processes.leads():
                set_aside(self.path, reasons[0], "training starts from scratch")
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
                f"{self.path}: written by {before} processes, resumed by {processes.count()}:"
                " results will differ in their last digits and by dropout's random masks"
            )
        # Imported here, because this module is also used where nothing is trained.
        from seqfuse.training.distributed import sharding

        part = sharding.recut(parts, rank, processes.count()) if parts else None
        return content["state"] | {"part": part}

    def _parts_for(self, name: str, before: int) -> list[dict | Exception]:
        """This process's own part if the number of processes is the same as `before`, else the
        parts of all of them; then one process verifies the checksums of each part."""
        rank, count = processes.rank(), processes.count()
        wanted = [rank] if before == count else range(before)
        parts = []
        for other in wanted:
            path = self._part(name, other)
            checked = before == count or other % count == rank
            parts.append(_read(path, checked) or FileNotFoundError(f"{path} is missing"))
        return parts

    def all_parts(self) -> tuple[dict, list[dict]] | None:
        """The saved state and the parts of all processes, for a single process; None if there is no
        usable checkpoint."""
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
            say(f"{self.path}: made with other settings, data or code; starting from scratch")
        return True


def discard(state: Path) -> None:
    """Remove the checkpoints of a finished job below its folder, including unfinished ones.

    Files that were set aside stay.
    """
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
    """Remove the parts of earlier checkpoints, including unfinished ones."""
    for path in folder.glob(f"{_PARTS}*"):
        if path.name != besides:
            shutil.rmtree(path)


def _read(path: Path, checked: bool = True) -> dict | Exception | None:
    """The content of a checkpoint, the error if it cannot be read, or None if there is none.

    torch does not verify checksums and would load a flipped bit as a weight; `checked` does.
    Tensors are memory-mapped, so that a process holds in memory only what it copies.
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
