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
    or a copy that lies in the model's folder as `kept`, where the encoder lay in training, or its
    commit in the hub's cache."""
    lay = Path(os.path.normpath(home / encoder["folder"]))
    places = [given] if given else [*([home / kept] if kept else []), lay, *_cached(encoder)]
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise UserError(
        f"{given or lay}: no encoder here, and {home} reads the states of one, {called(encoder)};"
        f" name its folder with {flag}"
    )


def _cached(encoder: Mapping) -> list[Path]:
    """The folder of an encoder's commit in the hub's cache, if all of its files are there."""
    if not encoder.get("revision"):
        return []
    from huggingface_hub import try_to_load_from_cache

    commit = {"repo_id": encoder["repository"], "revision": encoder["revision"]}
    found = [try_to_load_from_cache(filename=name, **commit) for name in encoder["made"]["files"]]
    return [Path(found[0]).parent] if found and all(isinstance(one, str) for one in found) else []


def called(encoder: Mapping) -> str:
    """An encoder as a message names it."""
    commit = f" at {encoder['revision'][:12]}" if encoder.get("revision") else ""
    origin = f" ({encoder['repository']}{commit})" if encoder.get("repository") else ""
    return f"{encoder.get('name', 'of no name')}{origin}"


def hold(files: Mapping, encoder: Mapping, place: Path, home: Path, flag: str) -> None:
    """Refuse another encoder than that of training, by the checksums of its `files`; a folder may
    hold more, as a published one does, but no other tensors."""
    wanted = encoder["made"]["files"]
    other = [name for name in files if ".safetensors" in name and name not in wanted]
    if other or any(files.get(name) != digest for name, digest in wanted.items()):
        raise UserError(
            f"{place}: its files are not those of the encoder that {home} was trained with,"
            f" {called(encoder)}; name that one with {flag}"
        )
