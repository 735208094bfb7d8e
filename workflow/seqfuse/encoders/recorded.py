"""A trained model's record of its encoder.

It holds the encoder's name, repository and commit, the checksum of each of its files, how the
states of training were made, and the encoder's folder relative to the model. `found_again` locates
the encoder with it.
"""

import os
from pathlib import Path

from seqfuse.encoders.store.reader import Store
from seqfuse.files import checksums, read_json

_NAMED = ("name", "repository", "revision", "scratch")


def of_receipt(receipt: Path, home: Path) -> dict:
    """The record, for a model in the folder `home`, of the encoder behind a receipt's states."""
    made = Store.open(receipt).description
    return _record(Path(read_json(receipt)["model"]), home) | {"made": made}


def of_folder(folder: Path, home: Path) -> dict:
    """The record of an encoder that is trained with the model, whose states are not stored."""
    return _record(folder, home) | {"made": {"files": checksums(folder)}}


def _record(folder: Path, home: Path) -> dict:
    facts = read_json(folder / "model.json") if (folder / "model.json").is_file() else {}
    named = {"name": folder.name} | {key: facts[key] for key in _NAMED if key in facts}
    return named | {"folder": os.path.relpath(folder, home)}
