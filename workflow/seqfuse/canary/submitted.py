"""What the submitting host sees, for a canary to compare with what a node sees.

It is passed in the environment, which jobs inherit, and not in a file: a node that sees other
folders would find another file, or none.
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
# A file in each shared folder that names it for good, so that nodes recognise it.
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
    """A folder that nodes must see, the name in it, and the MB that the plan writes there.

    A cache that others maintain is not writable, and may have no name.
    """

    path: str
    name: str | None
    writable: bool = True
    disk_mb: int = 0


@dataclass(frozen=True)
class Submitted:
    """What the submitting host sees at one start of snakemake."""

    start: str
    host: str
    code: str
    folders: Mapping[str, Folder] = field(default_factory=dict)

    def dumps(self) -> str:
        """The same as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> "Submitted":
        """Read what `dumps` wrote; anything else is a `UserError`."""
        try:
            fields = json.loads(text)
            folders = {what: Folder(**folder) for what, folder in fields.pop("folders").items()}
            return cls(**fields, folders=folders)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"--submitted: not what snakemake writes into {VARIABLE}") from None


def look(folders: Mapping[str, str | Path], disk_mb: Mapping[str, int]) -> Submitted:
    """Describe this host and `folders`, {purpose: path}, which are created if they are missing.

    Raises `UserError` if one cannot be created.
    """
    return Submitted(
        start=uuid.uuid4().hex[:8],
        host=socket.gethostname(),
        code=code(),
        folders={
            what: _look(Path(path).absolute(), disk_mb.get(what, 0))
            for what, path in folders.items()
        },
    )


def code() -> str:
    """The hash of the code that runs on nodes, as this process sees its files."""
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


def _look(path: Path, disk_mb: int) -> Folder:
    """A folder as this host sees it, created if missing and named if it is writable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK)
        if writable:
            # A second process finds the name that the first one wrote.
            with contextlib.suppress(FileExistsError), (path / _NAME).open("x") as file:
                file.write(uuid.uuid4().hex)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; choose a folder that you may write") from None
    return Folder(str(path), name_of(path), writable, disk_mb)
