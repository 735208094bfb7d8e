"""The encoder that a model records, found again and run: given, beside the model, where it lay in
training, or in the hub's cache. Wherever it lies now, it is held to the checksums of its files.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from seqfuse.encoders import live_states
from seqfuse.encoders.store.rows import CODONS, describe
from seqfuse.errors import UserError


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


class Live:
    """The encoder that the model in `home` was trained on, and the states of some sequences at a
    time: `hold` embeds them, `get` is that of a store."""

    def __init__(self, encoder: Mapping, home: Path, given: Path | None):
        if encoder["made"].get("layout") == CODONS:
            raise UserError(
                f"{home}: was shown states that `seqfuse codons embed` made codon by codon; it"
                " cannot be asked about other sequences"
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
        """Embed sequences, and forget those of before."""
        said = {sequence: describe(sequence) for sequence in sequences}
        self._held = live_states.Embedded.by(self._embedder, said)

    def get(self, sequence: str) -> np.ndarray:
        """States [T, D] of one of the sequences."""
        return self._held.get(sequence)
