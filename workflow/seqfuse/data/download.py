"""Find a source file, and verify that it is the one the catalogue means.

A file is searched for in each mirror folder, then as a local path, then downloaded (from its url or
the hub). Its sha256 is compared with the catalogue's wherever it came from. Without a checksum, a
local file and a file fetched by commit from a hub repository are accepted as they are; for any
other file, the checksum of the first download is recorded and later ones must match it;
`unverified` accepts any. A hub entry without `files` is read whole, by `fetching.repository`.
"""

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from seqfuse.bio.reading import file_kinds
from seqfuse.data.fetching import first_download
from seqfuse.data.fetching.network import hub_offline
from seqfuse.data.fetching.sources import Source
from seqfuse.errors import UserError, printable, quoted, several
from seqfuse.files import atomic, sha256
from seqfuse.progress import say
from seqfuse.settings.advice import REVISION, in_yaml

_SECONDS = 60
# The file beside a dataset's downloads that records their checksums.
_RECORD = "checksums.json"


def obtain(name: str, entry: dict, mirrors: Iterable[str], folder: Path) -> list[Source]:
    """The verified source files of the entry `name`; downloads stay in `folder`.

    Raises `UserError` if a file is missing, cannot be downloaded or has the wrong checksum."""
    mirrors = list(mirrors)
    check_entry(name, entry, mirrors)
    for mirror in absent(mirrors):
        say(f"{name}: the mirror folder {mirror} does not exist")
    if "files" not in entry:
        return _whole_repository(name, entry, folder)
    sources = [_source(name, entry, item, mirrors, folder) for item in entry["files"]]
    for role, path in beside(entry).items():
        file = here({"path": path}, mirrors)
        sources.append(Source(path, file, None, sha256(file), "nothing", role=role))
    return sources


def beside(entry: dict) -> dict[str, str]:
    """The files read beside those of an entry, by role: the table to join and the genome."""
    paths = {"join": entry.get("join", {}).get("path"), "genome": entry.get("genome")}
    return {role: path for role, path in paths.items() if path}


def check_entry(name: str, entry: dict, mirrors: Iterable[str], split_by: str = "") -> None:
    """Raise `UserError` for what can be known without a network: missing files, unpinned
    repositories, and a split by group if the files have no groups."""
    hub, mirrors = entry.get("hub"), list(mirrors)
    if "files" not in entry and "proprietary" in entry:
        raise UserError(f"dataset {name!r}: {entry['proprietary']}")
    if "files" not in entry and hub and not hub.get("revision") and not is_own(hub):
        _refuse_unpinned(name, hub)
    for item in entry.get("files", []):
        if hub:
            if not (item.get("sha256") or hub.get("revision") or here(item, mirrors)):
                _refuse_unpinned(name, hub)
        elif "url" not in item and not here(item, mirrors):
            _refuse_absent(name, item, mirrors)
    for item in entry.get("files", []):
        form = file_kinds.suffix_form(item["path"])
        if form not in ("txt", None) and (form == "vcf") != (entry.get("source") == "vcf"):
            what, wanted = (
                ("a VCF", "vcf, and name its genome") if form == "vcf" else ("not a VCF", "files")
            )
            raise UserError(
                f"dataset {name!r}: {_short(item['path'])} is {what}; write source: {wanted}"
            )
    for path in beside(entry).values():
        if not here({"path": path}, mirrors):
            _refuse_absent(name, {"path": path}, mirrors)
    if split_by == "group" and "group_pattern" not in entry:
        for path in filter(None, (here(item, mirrors) for item in entry.get("files", []))):
            _refuse_ungrouped(name, entry, path, mirrors)


def _refuse_absent(name: str, item: dict, mirrors: list[str]) -> None:
    searched = _places(item, mirrors)
    if any(_exists(path) for path in searched):
        raise UserError(
            f"dataset {name!r}: {item['path']} is a folder, pipe or device; give a file"
        )
    how = item.get("manual", "check the path, or add its folder to `mirror`")
    if gone := absent(mirrors):
        how = f"the mirror folder {gone[0]} does not exist; correct `mirror`, or {how}"
    raise UserError(
        f"dataset {name!r}: {_short(item['path'])} does not exist (searched:"
        f" {several([_short(path) for path in searched])}): {how}"
    )


def _refuse_ungrouped(name: str, entry: dict, path: Path, mirrors: list[str]) -> None:
    from seqfuse.bio.reading.readers import Reader

    fields, separator = entry.get("header_fields", ()), entry.get("header_separator", "|")
    columns = Reader(path, tuple(fields), separator).columns()
    if "join" in entry:
        columns += Reader(here(entry["join"], mirrors)).columns()
    column = entry.get("columns", {}).get("group", "group")
    if column not in columns:
        raise UserError(
            f"dataset {name!r}: it is split by group, but {_short(path)} has no column"
            f" {quoted(column or 'group')}; name the column whose rows stay together, such as the"
            f" gene: columns: {{group: ...}} (columns: {several(columns, 60)})"
        )


def absent(mirrors: Iterable[str]) -> list[str]:
    """The mirror folders that do not exist."""
    return [mirror for mirror in mirrors if not _exists(Path(mirror))]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, or a folder that may not be read
        return False


def _short(path: Path | str) -> str:
    """A path cut in the middle to at most about a hundred characters."""
    text = printable(str(path))
    return text if len(text) <= 100 else f"{text[:45]}…{text[-45:]}"


def _refuse_unpinned(name: str, hub: dict) -> None:
    raise UserError(
        f"dataset {name!r}: no revision is pinned; look at {hub['repository']} on the hub and "
        "write the commit you mean: " + in_yaml({"datasets": {name: {"hub": REVISION}}})
    )


def here(item: dict, mirrors: Iterable[str]) -> Path | None:
    """The local file of an entry's item: in the first mirror that has it, or at its own path."""
    return next((p for p in _places(item, mirrors) if _exists(p) and p.is_file()), None)


def unpinned(entry: dict, mirrors: Iterable[str]) -> list[str]:
    """The local files of an entry that have no checksum in it.

    They are read as they are, so an edit must make the records again.
    """
    if "files" not in entry and is_own(entry.get("hub", {})):
        paths = Path(entry["hub"]["repository"]).rglob("*")
        return sorted(str(path) for path in paths if path.is_file())
    items = [item for item in entry.get("files", []) if item.get("sha256") in (None, "unverified")]
    items += [{"path": path} for path in beside(entry).values()]
    paths = [here(item, mirrors) for item in items]
    return [str(path) for path in paths if path]


def is_own(hub: dict) -> bool:
    """Whether a repository is a local folder, such as a copy of a hub repository."""
    return "repository" in hub and Path(hub["repository"]).is_dir()


def _whole_repository(name: str, entry: dict, folder: Path) -> list[Source]:
    """Every split of a dataset repository, as a table in `folder`; a commit is fetched once."""
    from seqfuse.data.fetching import repository

    hub, own = entry["hub"], is_own(entry["hub"])
    kept = folder / ("own" if own else hub["revision"])
    if own or not kept.is_dir():
        offline = None if own else hub_offline()
        if offline:
            local = in_yaml({"datasets": {name: {"hub": {"repository": "FOLDER"}}}})
            copy = f"give a local copy: {local}"
            raise UserError(_unreachable(hub["repository"], offline, copy))
        say(f"{name}: {hub['repository']}" + ("" if own else f" at {hub['revision']}"))
        repository.save(hub["repository"], None if own else hub["revision"], kept)
    return [
        Source(
            f"{hub['repository']}: {path.stem}",
            path,
            repository.split(path.stem, entry["splits"]),
            sha256(path),
            "nothing" if own else "commit",
        )
        for path in sorted(kept.glob("*.parquet"))
    ]


def _places(item: dict, mirrors: Iterable[str]) -> list[Path]:
    return [Path(mirror) / item["path"] for mirror in mirrors] + [Path(item["path"])]


def _source(name: str, entry: dict, item: dict, mirrors: list[str], folder: Path) -> Source:
    file = here(item, mirrors)
    fetched = file is None
    if fetched:
        file = _fetch(entry, item, _places(item, mirrors), folder)
    digest = sha256(file)
    held_to = _verify(file, digest, entry, item, fetched, folder / _RECORD)
    return Source(item["path"], file, item.get("split"), digest, held_to)


def _verify(path: Path, digest: str, entry: dict, item: dict, fetched: bool, record: Path) -> str:
    wanted = item.get("sha256")
    if wanted == digest:
        return "sha256"
    if wanted == "unverified":
        return "nothing"
    pin = f"write `sha256: {digest}` beside its path in config.yaml"
    if wanted is not None:
        raise UserError(
            f"{path}: its sha256 is {digest}, but the catalogue says {wanted}; fetch it again, "
            f"or, if you mean this file, {pin}"
        )
    if fetched and entry.get("hub", {}).get("revision"):
        return "commit"
    if "url" in item or "manual" in item or "hub" in entry:
        origin = item.get("url") or entry.get("hub", {}).get("repository") or item["path"]
        first_download.hold(record, origin, {item["path"]: digest}, lambda *_: pin)
        return "first download"
    return "nothing"


def _fetch(entry: dict, item: dict, local: list[Path], folder: Path) -> Path:
    copy = "put the file into a folder of `mirror:` (searched: " + ", ".join(map(str, local)) + ")"
    if "hub" in entry:
        return _from_hub(entry["hub"], item.get("hub_path", item["path"]), copy)
    return _from_url(item["url"], folder / item["path"], copy)


def _from_hub(hub: dict, path: str, copy: str) -> Path:
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
        raise UserError(_unreachable(where, offline or error, copy)) from None


def _from_url(url: str, target: Path, copy: str) -> Path:
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
                raise urllib.error.URLError(f"{handle.tell()} of {expected} bytes received")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UserError(_unreachable(url, error, copy)) from None
    return target


def _unreachable(where: str, error: Exception | str, copy: str) -> str:
    reason = str(error).strip().split("\n")[0]
    return (
        f"{where}: cannot be downloaded ({reason}); run `seqfuse fetch` where there is a network, "
        f"or {copy}"
    )
