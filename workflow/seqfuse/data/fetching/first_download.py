"""Checksums that the catalogue has not: those of the first download are kept beside it, and later
downloads are held to them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json


def hold(
    record: Path, origin: str, hashes: Mapping[str, str], pin: Callable[[str, str], str]
) -> None:
    """Hold files {name: sha256} of `origin` (an address, or a repository and its commit) to what
    was recorded of them in the file `record`; names that are new there are added.

    Another file is a `UserError`; `pin` says by name and checksum how to accept it.
    """
    known = read_json(record) if record.is_file() else {}
    ours: dict[str, str] = known.get(origin, {})
    for name, found in hashes.items():
        wanted = ours.get(name, found)
        if wanted != found:
            raise UserError(
                f"{name}: its sha256 is {found}; the first download of it had {wanted} ({record});"
                f" if you mean this file, {pin(name, found)}"
            )
    if not hashes.keys() <= ours.keys():
        record.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, known | {origin: {**ours, **hashes}})
