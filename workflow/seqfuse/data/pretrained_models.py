"""Pre-trained checkpoints: a local folder is linked, a hub repository is downloaded.

Only tensors and text are taken, never code; a hub repository is read at one commit. A folder is
checked against its layout before anything else reads it.
"""

from pathlib import Path

from seqfuse.data.fetching import first_download
from seqfuse.data.fetching.network import hub_offline
from seqfuse.encoders.models.formats import hold_format
from seqfuse.errors import UserError
from seqfuse.files import MANIFEST, read_json, sha256, write_json
from seqfuse.progress import say
from seqfuse.settings.advice import REVISION, in_yaml


def check_entry(name: str, entry: dict) -> None:
    """Raise `UserError` for what can be known without a network: a folder that is not a checkpoint,
    or a repository without a pinned revision."""
    if entry["kind"] == "folder":
        path = Path(entry["path"])
        if not path.is_dir():
            try:
                hold_format(path)
            except UserError as error:
                raise UserError(f"model {name!r}: {error}") from None
    if entry["kind"] == "hub" and not entry.get("revision"):
        raise UserError(
            f"model {name!r}: no revision is pinned; look at {entry['repository']} on the hub and "
            f"write the commit you mean: {in_yaml({'models': {name: REVISION}})}"
        )


def fetch(name: str, entry: dict, folder: Path, record: Path) -> None:
    """Put the checkpoint of the entry `name` into `folder` and check it against its layout;
    `record` keeps the checksums of files that the entry does not pin."""
    check_entry(name, entry)
    if entry["kind"] == "folder":
        origin = entry["path"]
        link(origin, folder)
    else:
        origin = entry["repository"]
        download(name, entry, folder, record)
    try:
        adapt(entry, folder)
        check(entry["layout"], folder)
    except UserError as error:
        # `folder` is temporary, so the message names the origin instead.
        raise UserError(f"model {name!r}: {str(error).replace(str(folder), origin)}") from None


def link(path: str, folder: Path) -> None:
    """Link the files of the checkpoint folder `path`, except code, into `folder`."""
    for file in checkpoint_files(path):
        (folder / file.name).symlink_to(file.resolve())


def own_files(entry: dict) -> list[str]:
    """The files that an entry is read from, if they are the user's own; otherwise none."""
    if entry["kind"] != "folder" or not Path(entry["path"]).is_dir():
        return []
    return list(map(str, checkpoint_files(entry["path"])))


def checkpoint_files(path: str) -> list[Path]:
    """The files taken from a checkpoint folder: all but code and files that seqfuse wrote."""
    return [
        file
        for file in sorted(Path(path).iterdir())
        if file.is_file() and file.suffix != ".py" and file.name not in ("model.json", MANIFEST)
    ]


def download(name: str, entry: dict, folder: Path, record: Path) -> None:
    """Download the files of a hub repository at the entry's commit into `folder`, and compare them
    with the entry's checksums, or with those of the first download.

    HF_ENDPOINT names a mirror; HF_HUB_OFFLINE forbids the network, so that only the cache is read.
    Raises `UserError` if a download fails or a checksum differs.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    say(f"{name}: {entry['repository']} at {entry['revision']}")
    offline = hub_offline()
    try:
        cached = snapshot_download(
            entry["repository"],
            revision=entry["revision"],
            allow_patterns=entry["files"],
            ignore_patterns=["*.py", "*/*"],
            local_files_only=offline is not None,
        )
    except (HfHubHTTPError, OSError) as error:
        reason = offline or " ".join(str(error).split())[:200]
        raise UserError(
            f"model {name!r}: {entry['repository']} cannot be downloaded ({reason}); run "
            "`seqfuse fetch` where there is a network, or use a local copy: kind: folder"
        ) from None
    link(cached, folder)
    try:
        _verify(name, entry, folder, record)
    except UserError as error:
        raise UserError(f"model {name!r}: {entry['repository']}: {error}") from None


def adapt(entry: dict, folder: Path) -> None:
    """Turn a published RNA-FM .pth, which has no config.json, into config.json and safetensors."""
    from seqfuse import encoders

    pickled = sorted(folder.glob("*.pth"))
    if entry["layout"] != "rna-fm" or not pickled or (folder / "config.json").is_file():
        return
    if not entry["config"]:
        raise UserError(
            f"{pickled[0]}: RNA-FM publishes no config.json; write its arguments under `config:`, "
            "as for rna-fm-t12 in resources/models.yaml"
        )
    write_json(folder / "config.json", entry["config"])
    encoders.load(folder).save(folder)
    for file in pickled:
        file.unlink()


def check(layout: str, folder: Path) -> None:
    """Raise `UserError` unless a folder has `layout`, an encoder loads, and a text model has a
    tokeniser and safetensors."""
    from seqfuse import encoders

    if layout in encoders.LAYOUTS:
        actual = encoders.load(folder).layout
    else:
        actual = _check_text_model(folder)
    if actual != layout:
        raise UserError(f"{folder / 'config.json'}: the layout is {actual}, not {layout}")


def _check_text_model(folder: Path) -> str:
    model_type = read_json(folder / "config.json").get("model_type")
    hold_format(folder)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json", "vocab.txt")):
        raise UserError(f"{folder}: no tokenizer.json, vocab.json or vocab.txt")
    return str(model_type)


def _verify(name: str, entry: dict, folder: Path, record: Path) -> None:
    """Compare every file with its checksum in the entry, or with that of the first download."""

    def pin(file: str, digest: str) -> str:
        return f"write {in_yaml({'models': {name: {'sha256': {file: digest}}}})} in config.yaml"

    digests = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    wanted = {file: digest for file, digest in entry["sha256"].items() if digest}
    for file, digest in wanted.items():
        if file not in digests:
            raise UserError(f"{file} was not downloaded, but the catalogue has its sha256")
        if digests[file] != digest:
            raise UserError(
                f"{file}: its sha256 is {digests[file]}, but the catalogue says {digest}; if you"
                f" mean this file, {pin(file, digests[file])}"
            )
    unpinned = {file: digest for file, digest in digests.items() if file not in wanted}
    origin = f"{entry['repository']} at {entry['revision']}"
    first_download.hold(record, origin, unpinned, pin)
