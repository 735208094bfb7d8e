"""Checks of a run's folders before its first job: can it write there, and may it?

Otherwise Snakemake would fail with a traceback in the middle of its work, or replace what a run of
another preset made there, such as a finished report.
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

_SAMPLE = bytes(1 << 16)
# The preset of a run, written when it starts; all of its settings, written with the report.
_STARTED, REPORTED = "run.json", "report/settings.json"


def check(results: str, settings: Mapping) -> None:
    """Check the folders of a run with these settings; the first problem is a `UserError`."""
    check_writable([".", ".snakemake", results, settings["store"]])
    check_preset(results, settings["preset"])
    check_name(results, own_data.run_names(settings, load_yaml(RESOURCES / "datasets.yaml")))


def check_writable(folders: Iterable[str | Path]) -> None:
    """Try to write into these folders, which need not exist yet, and into those of temporary
    files."""
    elsewhere = "free some space, or work in another folder: snakemake --directory FOLDER"
    for folder in folders:
        _try(Path(folder), elsewhere)
    # Not tempfile.gettempdir(), which skips a full folder.
    for name in ("TMPDIR", "TEMP", "TMP"):
        if os.environ.get(name):
            _try(Path(os.environ[name]), f"free some space, or set {name} to another folder")


def check_preset(results: str | Path, preset: str) -> None:
    """Refuse a folder that holds a run of another preset."""
    there = _preset_of(Path(results))
    if there not in (None, preset):
        other = in_yaml({"run": f"{Path(results).name}-{preset}"})
        raise UserError(
            f"{results} holds a run of preset {there}, which preset {preset} would replace; give"
            f" this one a folder of its own, as in `{other}`, or write `preset: {there}`"
        )


def check_name(results: str | Path, names: Sequence[str]) -> None:
    """Refuse to start a run named after the first of the user's datasets (`names`, in the order of
    the configuration) if a run named after another of them exists: a dataset that was added above
    that one would make all of the run again."""
    folder = Path(results)
    if names[:1] != [folder.name] or _preset_of(folder):
        return
    for name in names[1:]:
        if _preset_of(folder.with_name(name)):
            raise UserError(
                f"{folder.with_name(name)} holds a run of dataset {name}, and this run would be"
                f" called {folder.name}, after the first dataset of your own; write"
                f" `{in_yaml({'run': name})}` to go on with the former, or"
                f" `{in_yaml({'run': f'{folder.name}-{name}'})}` for a new one"
            )


def _preset_of(folder: Path) -> str | None:
    """The preset of the run in a folder, or None if there is no run."""
    written = [path for name in (_STARTED, REPORTED) if (path := folder / name).is_file()]
    return read_json(written[0]).get("preset") if written else None


def of_run(name: str | Path) -> Path:
    """The folder of a run that has a report, given its name or its folder."""
    folder = Path(name)
    if not (folder / REPORTED).parent.is_dir():
        folder = Path("results") / name
    if not (folder / REPORTED).is_file():
        started = "; it is still running or was stopped" if (folder / _STARTED).is_file() else ""
        raise UserError(f"{folder}: no finished run (no {REPORTED}){started}; run snakemake first")
    return folder


def claim(results: str | Path, preset: str) -> None:
    """Record which preset the run in this folder has."""
    write_json(Path(results) / _STARTED, {"preset": preset})


def _try(folder: Path, fix: str) -> None:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(_SAMPLE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{folder.absolute()}: {os.strerror(error.errno)}; {fix}") from None
