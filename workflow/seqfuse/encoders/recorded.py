"""The encoder that a trained model reads, as the model records it.

A model says of its encoder what it is called, from which repository and commit it is, the checksum
of each of its files, how the states were made that it was trained on, and where the encoder's
folder lay, relative to the model: `found_again` finds it by that.
"""

import os
from pathlib import Path

from seqfuse.encoders.store.reader import Store
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
