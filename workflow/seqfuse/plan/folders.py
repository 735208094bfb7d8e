"""Whether a run can write where it writes, and may: tried before the first job.

What cannot be written Snakemake finds out in the middle of its own work, and says so with a
traceback. What another preset has made there it would replace, a finished report among it.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.settings.advice import in_yaml

_TRIED = bytes(1 << 16)
# The preset of a run, written as it starts; what it was made with in full, as it is reported.
_STARTED, _REPORTED = "run.json", "report/settings.json"


def check(results: str, preset: str, store: str) -> None:
    """Hold a run's folders to both."""
    check_writable([".", ".snakemake", results, store])
    check_preset(results, preset)


def check_writable(folders: Iterable[str | Path]) -> None:
    """Write a little into the folders of a run and for temporary files; they need not exist yet."""
    elsewhere = "free some space, or work in another folder: snakemake --directory FOLDER"
    for folder in folders:
        _try(Path(folder), elsewhere)
    # Not tempfile.gettempdir(), which passes over a folder that is full.
    for name in ("TMPDIR", "TEMP", "TMP"):
        if os.environ.get(name):
            _try(Path(os.environ[name]), f"free some space, or set {name} to another folder")


def check_preset(results: str | Path, preset: str) -> None:
    """Refuse the folder of a run that another preset has begun."""
    written = [path for name in (_STARTED, _REPORTED) if (path := Path(results) / name).is_file()]
    begun = read_json(written[0]).get("preset") if written else None
    if begun not in (None, preset):
        other = in_yaml({"run": f"{Path(results).name}-{preset}"})
        raise UserError(
            f"{results} holds a run of preset {begun}, which preset {preset} would replace; give"
            f" this one a folder of its own, as in `{other}`, or write `preset: {begun}`"
        )


def claim(results: str | Path, preset: str) -> None:
    """Write down whose folder this is."""
    write_json(Path(results) / _STARTED, {"preset": preset})


def _try(folder: Path, fix: str) -> None:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(_TRIED)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{folder.absolute()}: {os.strerror(error.errno)}; {fix}") from None
