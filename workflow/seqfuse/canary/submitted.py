"""What the host that submits jobs sees, for a canary to compare with what a node sees.

It travels in the environment, which jobs inherit, and not in a file: a node whose folders are other
ones would find another file, or none.
"""

import contextlib
import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from seqfuse import fingerprint
from seqfuse.errors import UserError

VARIABLE = "SEQFUSE_SUBMITTED"
# Each shared folder has one for good, by which nodes know it again.
_NAME = ".seqfuse-folder"
# What nodes compute with: the commands that train and embed, and all that they import.
_MODULES = (
    "seqfuse.codons.train",
    "seqfuse.embeddings.write",
    "seqfuse.language.finetune",
    "seqfuse.language.pretrain",
)


@dataclass(frozen=True)
class Folder:
    """A folder that nodes must see, the name it is known by, and MB that the plan writes there.

    `name` is None where the submitting host may not write, as in a cache that others look after.
    """

    path: str
    name: str | None
    disk_mb: int = 0


@dataclass(frozen=True)
class Submitted:
    """What the submitting host says of one start of snakemake; `slurm` if its jobs go there."""

    start: str
    host: str
    slurm: bool
    code: str
    folders: Mapping[str, Folder] = field(default_factory=dict)

    def dumps(self) -> str:
        """The same as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> "Submitted":
        """Read what `dumps` wrote; anything else is a `UserError`."""
        try:
            found = json.loads(text)
            folders = {name: Folder(**folder) for name, folder in found.pop("folders").items()}
            return cls(**found, folders=folders)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"--submitted: not what snakemake writes into {VARIABLE}") from None


def look(folders: Mapping[str, str | Path], disk_mb: Mapping[str, int], slurm: bool) -> Submitted:
    """Describe this host and `folders`, made where they are not there, by what they are for."""
    return Submitted(
        start=uuid.uuid4().hex[:8],
        host=socket.gethostname(),
        slurm=slurm,
        code=code(),
        folders={
            what: Folder(str(Path(path).resolve()), _named(Path(path)), disk_mb.get(what, 0))
            for what, path in folders.items()
        },
    )


def code() -> str:
    """The hash of the code that computes on nodes, as this process sees its files."""
    return fingerprint.code(*_MODULES)


def name_of(folder: Path) -> str | None:
    """The name that a folder has, or None if it has none."""
    try:
        return (folder / _NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def hub_home() -> str:
    """The folder of the hub's cache, as huggingface_hub chooses it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return str(Path(os.environ.get("HF_HOME", f"{cache}/huggingface")).expanduser())


def _named(folder: Path) -> str | None:
    """The folder's name, which it gets if it has none and may be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever comes second finds the first one's.
        with contextlib.suppress(FileExistsError), (folder / _NAME).open("x") as file:
            file.write(uuid.uuid4().hex)
    except OSError as error:
        if not folder.is_dir():
            raise UserError(
                f"{folder}: {error.strerror}; choose a folder that you may write"
            ) from None
    return name_of(folder)
