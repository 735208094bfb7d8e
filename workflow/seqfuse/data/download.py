"""Where a source file is found, and that it is the file the catalogue means.

Looked for in each mirror folder, then as a path of one's own, then downloaded (url, or the hub). A
file is held to the catalogue's sha256 wherever it came from. Without one, a file of one's own and a
file fetched by the commit of a hub repository are accepted as they are; of any other, the first one
is recorded, and later ones are held to it; `unverified` accepts any. A hub entry without `files` is
read whole, by `fetching.repository`.
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
# Beside what is downloaded of a dataset.
_RECORD = "checksums.json"


def obtain(name: str, entry: dict, mirrors: Iterable[str], folder: Path) -> list[Source]:
    """The verified source files of the entry `name`; downloads stay in `folder`."""
    mirrors = list(mirrors)
    check_entry(name, entry, mirrors)
    for mirror in absent(mirrors):
        say(f"{name}: the mirror folder {mirror} does not exist")
    if "files" not in entry:
        return _whole_repository(name, entry, folder)
    found = [_source(name, entry, item, mirrors, folder) for item in entry["files"]]
    for role, path in beside(entry).items():
        file = here({"path": path}, mirrors)
        found.append(Source(path, file, None, sha256(file), "nothing", role=role))
    return found


def beside(entry: dict) -> dict[str, str]:
    """What is read with the files of an entry, by its role: the table to join, the genome."""
    found = {"join": entry.get("join", {}).get("path"), "genome": entry.get("genome")}
    return {role: path for role, path in found.items() if path}


def check_entry(name: str, entry: dict, mirrors: Iterable[str], split_by: str = "") -> None:
    """Refuse what cannot be had without a network, and a split by groups of files without any."""
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
                ("a VCF", "vcf, and name its genome") if form == "vcf" else ("no VCF", "files")
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
    looked = _places(item, mirrors)
    if any(_exists(path) for path in looked):
        raise UserError(
            f"dataset {name!r}: {item['path']} is a folder, pipe or device; give a file"
        )
    how = item.get("manual", "check the path, or add its folder to `mirror`")
    if gone := absent(mirrors):
        how = f"the mirror folder {gone[0]} does not exist; correct `mirror`, or {how}"
    raise UserError(
        f"dataset {name!r}: {_short(item['path'])} is not there (looked for"
        f" {several([_short(path) for path in looked])}): {how}"
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
            f"dataset {name!r}: it is split by group, and {_short(path)} has no column"
            f" {quoted(column or 'group')}; name the one that says what stays together, such as the"
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
    """A path of at most a hundred letters: its middle goes."""
    text = printable(str(path))
    return text if len(text) <= 100 else f"{text[:45]}…{text[-45:]}"


def _refuse_unpinned(name: str, hub: dict) -> None:
    raise UserError(
        f"dataset {name!r}: no revision is pinned; look at {hub['repository']} on the hub and "
        "write the commit you mean: " + in_yaml({"datasets": {name: {"hub": REVISION}}})
    )


def here(item: dict, mirrors: Iterable[str]) -> Path | None:
    """Where a file of an entry lies: in the first mirror that has it, or as a path of one's own."""
    return next((p for p in _places(item, mirrors) if _exists(p) and p.is_file()), None)


def unpinned(entry: dict, mirrors: Iterable[str]) -> list[str]:
    """The files of an entry that are here and that no checksum of the entry pins.

    They are read as they are, so that an edit of one must make the records again.
    """
    if "files" not in entry and is_own(entry.get("hub", {})):
        found = Path(entry["hub"]["repository"]).rglob("*")
        return sorted(str(path) for path in found if path.is_file())
    items = [item for item in entry.get("files", []) if item.get("sha256") in (None, "unverified")]
    items += [{"path": path} for path in beside(entry).values()]
    found = [here(item, mirrors) for item in items]
    return [str(path) for path in found if path]


def is_own(hub: dict) -> bool:
    """Whether a repository is a folder of one's own, a copy of one of the hub for instance."""
    return "repository" in hub and Path(hub["repository"]).is_dir()


def _whole_repository(name: str, entry: dict, folder: Path) -> list[Source]:
    """Every split of a dataset repository, as a table in `folder`; a commit is fetched once."""
    from seqfuse.data.fetching import repository

    hub, own = entry["hub"], is_own(entry["hub"])
    kept = folder / ("own" if own else hub["revision"])
    if own or not kept.is_dir():
        offline = None if own else hub_offline()
        if offline:
            copy = in_yaml({"datasets": {name: {"hub": {"repository": "FOLDER"}}}})
            copy = f"give a copy of it: {copy}"
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
    found = here(item, mirrors)
    fetched = found is None
    if fetched:
        found = _fetch(entry, item, _places(item, mirrors), folder)
    digest = sha256(found)
    held_to = _verify(found, digest, entry, item, fetched, folder / _RECORD)
    return Source(item["path"], found, item.get("split"), digest, held_to)


def _verify(path: Path, digest: str, entry: dict, item: dict, fetched: bool, record: Path) -> str:
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
        origin = item.get("url") or entry.get("hub", {}).get("repository") or item["path"]
        first_download.hold(record, origin, {item["path"]: digest}, lambda *_: pin)
        return "first download"
    return "nothing"


def _fetch(entry: dict, item: dict, local: list[Path], folder: Path) -> Path:
    copy = "put the file into a folder of `mirror:` (looked for " + ", ".join(map(str, local)) + ")"
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
                raise urllib.error.URLError(f"{handle.tell()} of {expected} bytes came")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UserError(_unreachable(url, error, copy)) from None
    return target


def _unreachable(where: str, error: Exception | str, copy: str) -> str:
    reason = str(error).strip().split("\n")[0]
    return (
        f"{where}: cannot be downloaded ({reason}); run `seqfuse fetch` where there is a network, "
        f"or {copy}"
    )
