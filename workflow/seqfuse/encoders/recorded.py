"""The encoder that a trained model reads: recorded by the model, and found again.

A model says of its encoder what it is called, from which repository and commit it is, the checksum
of each of its files, how the states were made that it was trained on, and where the encoder's
folder lay, relative to the model. Wherever the folder lies now, it is held to these checksums.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from seqfuse.encoders.store import Store
from seqfuse.errors import UserError
from seqfuse.files import checksums, read_json

_NAMED = ("name", "repository", "revision", "scratch")


def of_receipt(receipt: Path, home: Path) -> dict:
    """What a model in the folder `home` says of the encoder whose states a receipt refers to."""
    made = Store.open(receipt).description
    return _record(Path(read_json(receipt)["model"]), home) | {"made": made}


def of_folder(folder: Path, home: Path) -> dict:
    """The same of an encoder that is trained with the model, whose states are stored nowhere."""
    return _record(folder, home) | {"made": {"files": checksums(folder)}}


def _record(folder: Path, home: Path) -> dict:
    facts = read_json(folder / "model.json") if (folder / "model.json").is_file() else {}
    named = {"name": folder.name} | {key: facts[key] for key in _NAMED if key in facts}
    return named | {"folder": os.path.relpath(folder, home)}


def find(encoder: Mapping, home: Path, given: Path | None, flag: str, kept: str = "") -> Path:
    """The folder of the encoder that the model in `home` was trained on: the one that `flag` gives,
    a copy that lies in the model's folder as `kept`, or where the encoder lay in training."""
    lay = Path(os.path.normpath(home / encoder["folder"]))
    places = [given] if given else [home / kept, lay] if kept else [lay]
    place = next((place for place in places if (place / "config.json").is_file()), places[-1])
    if not (place / "config.json").is_file():
        raise UserError(
            f"{place}: no encoder here, and {home} reads the states of one, {called(encoder)}; name"
            f" its folder with {flag}"
        )
    return place


def called(encoder: Mapping) -> str:
    """An encoder as a message names it."""
    commit = f" at {encoder['revision'][:12]}" if encoder.get("revision") else ""
    origin = f" ({encoder['repository']}{commit})" if encoder.get("repository") else ""
    return f"{encoder.get('name', 'of no name')}{origin}"


def hold(files: Mapping, encoder: Mapping, place: Path, home: Path, flag: str) -> None:
    """Refuse another encoder than that of training, by the checksums of its files."""
    if files != encoder["made"]["files"]:
        raise UserError(
            f"{place}: its files are not those of the encoder that {home} was trained with,"
            f" {called(encoder)}; name that one with {flag}"
        )
