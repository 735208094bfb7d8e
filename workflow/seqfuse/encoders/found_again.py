"""The encoder that a model records, located and run: in a given folder, beside the model, where it
was in training, or in the hub's cache. Its checksums must match those of training.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from seqfuse.encoders import live_states
from seqfuse.encoders.store.rows import CODONS, describe
from seqfuse.errors import UserError


def find(encoder: Mapping, home: Path, given: Path | None, flag: str, kept: str = "") -> Path:
    """The folder of the encoder that the model in `home` was trained on: the one `given` by `flag`,
    or else the copy `kept` in the model's folder, the encoder's folder in training, or its commit
    in the hub's cache. Raises `UserError` if there is none."""
    original = Path(os.path.normpath(home / encoder["folder"]))
    places = [given] if given else [*([home / kept] if kept else []), original, *_cached(encoder)]
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise UserError(
        f"{given or original}: no encoder here, but {home} reads the states of {called(encoder)};"
        f" name its folder with {flag}"
    )


def _cached(encoder: Mapping) -> list[Path]:
    """The folder of an encoder's commit in the hub's cache, if it has all files; otherwise none."""
    if not encoder.get("revision"):
        return []
    from huggingface_hub import try_to_load_from_cache

    commit = {"repo_id": encoder["repository"], "revision": encoder["revision"]}
    paths = [try_to_load_from_cache(filename=name, **commit) for name in encoder["made"]["files"]]
    return [Path(paths[0]).parent] if paths and all(isinstance(one, str) for one in paths) else []


def called(encoder: Mapping) -> str:
    """The name of an encoder in messages, with its repository and commit."""
    commit = f" at {encoder['revision'][:12]}" if encoder.get("revision") else ""
    origin = f" ({encoder['repository']}{commit})" if encoder.get("repository") else ""
    return f"{encoder.get('name', 'an encoder without a name')}{origin}"


def hold(files: Mapping, encoder: Mapping, place: Path, home: Path, flag: str) -> None:
    """Raise `UserError` unless `files` {name: checksum} are those of the encoder of training. A
    folder may hold more files, as published ones do, but no other tensors."""
    wanted = encoder["made"]["files"]
    other = [name for name in files if ".safetensors" in name and name not in wanted]
    if other or any(files.get(name) != digest for name, digest in wanted.items()):
        raise UserError(
            f"{place}: not the encoder that {home} was trained with, {called(encoder)}: its files"
            f" differ; name that one with {flag}"
        )


class Live:
    """The encoder that the model in `home` was trained on, and the states of a few sequences at a
    time: `hold` embeds them, `get` reads them like a store."""

    def __init__(self, encoder: Mapping, home: Path, given: Path | None):
        if encoder["made"].get("layout") == CODONS:
            raise UserError(
                f"{home}: was trained on codon states of `seqfuse codons embed`; it cannot be asked"
                " about other sequences"
            )
        place = find(encoder, home, given, "--encoder")
        self._embedder = live_states.embedder(place, encoder["made"])
        files = self._embedder.description["files"]
        hold(files, encoder, place, home, "--encoder")
        self._held = live_states.Embedded(self._embedder.width, {})

    @property
    def module(self):
        """The encoder itself, an `nn.Module`."""
        return self._embedder.module

    def hold(self, sequences: Iterable[str]) -> None:
        """Embed these sequences, and drop the previous ones."""
        names = {sequence: describe(sequence) for sequence in sequences}
        self._held = live_states.Embedded.by(self._embedder, names)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one of the sequences."""
        return self._held.get(sequence)
