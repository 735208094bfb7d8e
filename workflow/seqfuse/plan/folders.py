"""Whether a run can write where it writes, and may: tried before the first job.

What cannot be written Snakemake finds out in the middle of its own work, and says so with a
traceback. What another preset has made there it would replace, a finished report among it.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.settings import own_data
from seqfuse.settings.advice import in_yaml
from seqfuse.settings.paths import RESOURCES
from seqfuse.settings.yaml_files import load_yaml

_TRIED = bytes(1 << 16)
# The preset of a run, written as it starts; what it was made with in full, as it is reported.
_STARTED, REPORTED = "run.json", "report/settings.json"


def check(results: str, settings: Mapping) -> None:
    """Hold the folders of a run with these settings to all of it."""
    check_writable([".", ".snakemake", results, settings["store"]])
    check_preset(results, settings["preset"])
    check_name(results, own_data.run_names(settings, load_yaml(RESOURCES / "datasets.yaml")))


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
    begun = _preset_of(Path(results))
    if begun not in (None, preset):
        other = in_yaml({"run": f"{Path(results).name}-{preset}"})
        raise UserError(
            f"{results} holds a run of preset {begun}, which preset {preset} would replace; give"
            f" this one a folder of its own, as in `{other}`, or write `preset: {begun}`"
        )


def check_name(results: str | Path, names: Sequence[str]) -> None:
    """Refuse to begin a run that is called after the first of one's own datasets (`names`, in the
    order of the configuration) where another of them has given one its name: a set that was added
    above it would make all of that run again."""
    folder = Path(results)
    if names[:1] != [folder.name] or _preset_of(folder):
        return
    for name in names[1:]:
        if _preset_of(folder.with_name(name)):
            raise UserError(
                f"{folder.with_name(name)} holds a run of dataset {name}, and this one would be"
                f" called {folder.name}, after the first dataset of your own; write"
                f" `{in_yaml({'run': name})}` to go on with it, or"
                f" `{in_yaml({'run': f'{folder.name}-{name}'})}` for one of its own"
            )


def _preset_of(folder: Path) -> str | None:
    """The preset of the run in a folder; None where there is none."""
    written = [path for name in (_STARTED, REPORTED) if (path := folder / name).is_file()]
    return read_json(written[0]).get("preset") if written else None


def of_run(name: str | Path) -> Path:
    """The folder of a run that has reported, by its name or its folder."""
    folder = Path(name)
    if not (folder / REPORTED).parent.is_dir():
        folder = Path("results") / name
    if not (folder / REPORTED).is_file():
        begun = "; it is still going or was stopped" if (folder / _STARTED).is_file() else ""
        raise UserError(f"{folder}: no finished run (no {REPORTED}){begun}; run snakemake first")
    return folder


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
