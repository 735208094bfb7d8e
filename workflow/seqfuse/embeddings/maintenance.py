"""Maintenance of a store: what its keys hold, whether they are sound, which are still needed."""

import json
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from seqfuse.encoders.store import shards
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import Row
from seqfuse.encoders.store.writer import written_lately
from seqfuse.errors import UserError
from seqfuse.files import read_json, sha256
from seqfuse.training.interruption.preemption import set_aside

# The stored mean is that of the states before rounding to the stored dtype.
_MEAN_TOLERANCE = {"float16": 2e-3, "float32": 1e-5}


def keys(store: str | Path) -> list[Path]:
    """The folders of a store's keys; raises `UserError` if there is none."""
    folders = sorted(path.parent for path in Path(store).glob("*/key.json"))
    if not folders:
        raise UserError(f"{store}: no embeddings here; give the folder that `write --store` named")
    return folders


def summaries(store: str | Path) -> Iterator[str]:
    """One line for each key: how its rows were made, their number and their size."""
    for folder in keys(store):
        held = Store(folder)
        made, places = held.description, [shards.places(shard, held.key) for shard in held.shards]
        yield (
            f"{folder.name}  {made['layout']}, layer {made['layer']}, {made['output']},"
            f" {made['resolution']}, {made['width']} x {made['stored']}: {len(held)} sequences,"
            f" {sum(pc.sum(table['tokens']).as_py() for table in places)} states,"
            f" {len(held.shards)} shards, {size(folder) / 1e6:.1f} MB"
        )


def described(store: str | Path, key: str) -> str:
    """The full description of the one key that starts with `key`, as JSON."""
    matches = [folder for folder in keys(store) if folder.name.startswith(key)]
    if len(matches) != 1:
        raise UserError(
            f"{store}: {len(matches)} keys start with {key!r}; give the start of exactly one"
        )
    return json.dumps(Store(matches[0]).description, indent=2, sort_keys=True)


def size(folder: Path) -> int:
    """The size in bytes of a key's shards."""
    return sum(shard.stat().st_size for shard in shards.listed(folder))


def damaged(folder: Path) -> list[Path]:
    """The shards whose content does not match the checksum in their name."""
    present = shards.listed(folder)
    with ThreadPoolExecutor() as pool:
        checksums = pool.map(sha256, present)
        pairs = zip(present, checksums, strict=True)
        return [shard for shard, checksum in pairs if shards.checksum(shard) != checksum]


def faults(folder: Path, aside: bool = False) -> list[str]:
    """The faults of a key, one line each; rows are checked only if no shard is damaged. With
    `aside`, damaged shards are renamed, so that their rows are embedded again."""
    if broken := damaged(folder):
        for shard in broken if aside else []:
            set_aside(shard, "it does not match its checksum", "its rows are missing now")
        return [f"{shard}: does not match its checksum" for shard in broken]
    try:
        store = Store(folder)
        return [
            f"{folder}: sequence {row.sequence.hex()[:12]}: {fault}"
            for row in store.stream()
            if (fault := _fault(row, store))
        ]
    except UserError as error:
        return [str(error)]


def unreferenced(store: str | Path, receipts: Iterable[str | Path]) -> list[Path]:
    """The keys of a store that no receipt names; raises `UserError` for a file that is not one."""
    named = set()
    for path in receipts:
        receipt = read_json(path)
        if "key" not in receipt:
            raise UserError(f"{path}: not a receipt of `seqfuse embeddings write`")
        named.add(receipt["key"])
    return [folder for folder in keys(store) if folder.name not in named]


def remove(folder: Path) -> bool:
    """Remove a key unless a writer is active; returns whether it was removed."""
    if written_lately(folder):
        return False
    # Renamed first, so that others see no key rather than a part of one.
    gone = folder.with_name(f".{folder.name}.removed")
    folder.rename(gone)
    shutil.rmtree(gone)
    return True


def _fault(row: Row, store: Store) -> str | None:
    """What is wrong with a row, if anything."""
    stored, resolution = store.description["stored"], store.description["resolution"]
    letters = row.length // 3 * 3 if resolution == "codon" else row.length
    borders = row.spans.ravel()
    if len(row.states) != len(row.spans):
        return f"{len(row.states)} states for {len(row.spans)} spans"
    if (borders[0], borders[-1]) != (0, letters) or (borders[1:-1:2] != borders[2::2]).any():
        return f"its spans do not tile {letters} letters"
    if not np.isfinite(row.states).all():
        return "a state is not finite"
    mean = row.states.mean(axis=0, dtype=np.float64)
    if np.abs(mean - row.pooled).max() > _MEAN_TOLERANCE[stored] * max(1, np.abs(row.states).max()):
        return "its mean is not the mean of its states"
    return None
