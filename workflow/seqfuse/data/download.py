"""Where a source file is found, and that it is the file the catalogue means.

Looked for in each mirror folder, then as a path of one's own, then downloaded (url, or the hub). A
file is held to the catalogue's sha256 wherever it came from. Without one, only a file of one's own
and a file fetched by the commit of a hub repository are accepted; `unverified` accepts any.
"""

import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import atomic, sha256
from seqfuse.progress import say

_SECONDS = 60


@dataclass
class Source:
    """One source file: its name in the catalogue, where it is, the split of its rows if it has one.

    `held_to` says what vouches for it: "sha256", "commit", "nothing" (unverified, or one's own).
    `rows` is counted when it is read.
    """

    path: str
    file: Path
    split: str | None
    sha256: str
    held_to: str
    rows: int = 0

    def card(self) -> dict:
        """What the card says of it."""
        found = {"path": self.path, "sha256": self.sha256, "held_to": self.held_to}
        return found | {"rows": self.rows}


def obtain(name: str, entry: dict, mirrors: Iterable[str], folder: Path) -> list[Source]:
    """The verified source files of the entry `name`; downloads stay in `folder`."""
    if "files" not in entry:
        raise UserError(f"dataset {name!r}: {entry['proprietary']}")
    return [_source(name, entry, item, list(mirrors), folder) for item in entry["files"]]


def here(item: dict, mirrors: Iterable[str]) -> Path | None:
    """Where a file of an entry lies: in the first mirror that has it, or as a path of one's own."""
    return next((path for path in _places(item, mirrors) if path.is_file()), None)


def unpinned(entry: dict, mirrors: Iterable[str]) -> list[str]:
    """The files of an entry that are here and that no checksum of the entry pins.

    They are read as they are, so that an edit of one must make the records again.
    """
    items = [item for item in entry.get("files", []) if item.get("sha256") in (None, "unverified")]
    found = [here(item, mirrors) for item in items]
    return [str(path) for path in found if path]


def _places(item: dict, mirrors: Iterable[str]) -> list[Path]:
    return [Path(mirror) / item["path"] for mirror in mirrors] + [Path(item["path"])]


def _source(name: str, entry: dict, item: dict, mirrors: list[str], folder: Path) -> Source:
    found = here(item, mirrors)
    fetched = found is None
    if fetched:
        found = _fetch(name, entry, item, _places(item, mirrors), folder)
    digest = sha256(found)
    held_to = _verify(found, digest, entry, item, fetched)
    return Source(item["path"], found, item.get("split"), digest, held_to)


def _verify(path: Path, digest: str, entry: dict, item: dict, fetched: bool) -> str:
    wanted = item.get("sha256")
    if wanted == digest:
        return "sha256"
    if wanted == "unverified":
        return "nothing"
    pin = f"write `sha256: {digest}` beside its path in config.yaml"
    if wanted is not None:
        raise UserError(
            f"{path}: its sha256 is {digest}, not {wanted} as the catalogue says; fetch it again, "
            f"or, if you mean this file, {pin}"
        )
    if fetched and entry.get("hub", {}).get("revision"):
        return "commit"
    if "url" in item or "manual" in item or "hub" in entry:
        raise UserError(
            f"{path}: the catalogue has no checksum for this file; look at it, then {pin} (or "
            "`sha256: unverified`)"
        )
    return "nothing"


def _fetch(name: str, entry: dict, item: dict, local: list[Path], folder: Path) -> Path:
    looked = ", ".join(map(str, local))
    if "hub" in entry:
        return _from_hub(entry["hub"], item.get("hub_path", item["path"]), looked)
    if "url" in item:
        return _from_url(item["url"], folder / item["path"], looked)
    how = item.get("manual", "check the path, or add its folder to `mirror`")
    raise UserError(f"dataset {name!r}: {item['path']} is not there (looked for {looked}): {how}")


def _from_hub(hub: dict, path: str, looked: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = hub_offline()
    try:
        return Path(
            hf_hub_download(
                hub["repository"],
                path,
                repo_type="dataset",
                revision=hub.get("revision"),
                local_files_only=offline is not None,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        where = f"{hub['repository']}: {path}"
        raise UserError(_unreachable(where, offline or error, looked)) from None


def hub_offline() -> str | None:
    """Why the hub is not asked and only its cache is looked into; None where it can be asked.

    Without a network its own retries take half a minute. Behind a proxy, names need not resolve.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    if not urllib.request.getproxies():
        try:
            socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, None)
        except OSError as error:
            return f"no network: {error.strerror}"
    return None


def _from_url(url: str, target: Path, looked: str) -> Path:
    if target.is_file():
        return target
    say(f"downloading {url}")
    try:
        with (
            urllib.request.urlopen(url, timeout=_SECONDS) as response,
            atomic(target) as temporary,
            temporary.open("wb") as handle,
        ):
            shutil.copyfileobj(response, handle, 1 << 20)
            expected = response.headers.get("Content-Length")
            if expected and handle.tell() != int(expected):
                raise urllib.error.URLError(f"{handle.tell()} of {expected} bytes came")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UserError(_unreachable(url, error, looked)) from None
    return target


def _unreachable(where: str, error: Exception | str, looked: str) -> str:
    reason = str(error).strip().split("\n")[0]
    return (
        f"{where}: cannot be downloaded ({reason}); run `seqfuse fetch` where there is "
        f"a network, or put the file into a folder of `mirror:` (looked for {looked})"
    )
