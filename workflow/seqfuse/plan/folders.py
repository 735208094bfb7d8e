"""Whether a run can write where it writes, tried before the first job.

Snakemake finds out in the middle of its own work, and says so with a traceback.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from seqfuse.errors import UserError

_TRIED = bytes(1 << 16)


def check_writable(folders: Iterable[str | Path]) -> None:
    """Write a little into the folders of a run and for temporary files; they need not exist yet."""
    elsewhere = "free some space, or work in another folder: snakemake --directory FOLDER"
    for folder in folders:
        _try(Path(folder), elsewhere)
    # Not tempfile.gettempdir(), which passes over a folder that is full.
    for name in ("TMPDIR", "TEMP", "TMP"):
        if os.environ.get(name):
            _try(Path(os.environ[name]), f"free some space, or set {name} to another folder")


def _try(folder: Path, fix: str) -> None:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(_TRIED)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{folder.absolute()}: {os.strerror(error.errno)}; {fix}") from None
