"""Checksums for files that the catalogue does not pin: those of the first download are recorded
beside it, and later downloads must match them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json


def hold(
    record: Path, origin: str, hashes: Mapping[str, str], pin: Callable[[str, str], str]
) -> None:
    """Compare files {name: sha256} of `origin` (a URL, or a repository and its commit) with the
    checksums in the file `record`; new names are added to it.

    Raises `UserError` if a checksum differs; `pin(name, sha256)` says how to accept the file.
    """
    known = read_json(record) if record.is_file() else {}
    ours: dict[str, str] = known.get(origin, {})
    for name, digest in hashes.items():
        wanted = ours.get(name, digest)
        if wanted != digest:
            raise UserError(
                f"{name}: its sha256 is {digest}; the first download of it had {wanted} ({record});"
                f" if you mean this file, {pin(name, digest)}"
            )
    if not hashes.keys() <= ours.keys():
        record.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, known | {origin: {**ours, **hashes}})
