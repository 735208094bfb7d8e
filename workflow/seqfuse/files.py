"""Files that appear whole or not at all, their checksums, and canonical JSON.

Every stage writes through `atomic` or `atomic_directory`: beside the target, fsync, then rename.
"""

import contextlib
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seqfuse.errors import UserError

# The checksums of a folder that a rule makes: written last; other rules depend on this file.
MANIFEST = "manifest.json"
# Files that describe the model in a folder; it does not compute with them.
DESCRIPTIONS = ("README.md", "model.json", "cost.json", "log.jsonl")


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed onto `path`."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_beside(path), suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        with named(path):
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        temporary.chmod(readable())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it takes the place of `path`."""
    path = Path(path)
    with scratch_directory(path) as temporary:
        temporary.chmod(0o777 & ~_umask())
        with named(path):
            yield temporary
            for written in temporary.rglob("*"):
                if written.is_file():
                    with written.open("rb") as handle:
                        os.fsync(handle.fileno())
                if written.is_file() and not written.is_symlink():
                    written.chmod(readable())
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)


@contextlib.contextmanager
def scratch_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, which is removed at the end."""
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=_beside(path)))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> str:
    """The prefix of temporary names beside `path`, which tells the host and the process.

    Leftovers of killed processes of this host, which can be as large as a model, are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f".{path.name}.{os.uname().nodename}-"
    for left in path.parent.glob(f"{glob.escape(own)}*"):
        process = left.name.removeprefix(own).partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return f"{own}{os.getpid()}-"


def _runs(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


@contextlib.contextmanager
def named(path: str | Path) -> Iterator[None]:
    """Let an error of writing `path` name it: those of a full disk name no file."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def keep_copy(source: str | Path, target: str | Path) -> None:
    """Copy a folder whose files are never edited in place: as hard links, if the disk has them."""

    def linked(file: str, copy: str) -> None:
        try:
            os.link(os.path.realpath(file), copy)
        except OSError:
            shutil.copyfile(file, copy)

    shutil.copytree(source, target, copy_function=linked)


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(text: str) -> str:
    """The SHA-256 of a text in UTF-8, in hexadecimal: how sequences, prompts and keys are named."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spare white space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def write_manifest(folder: str | Path) -> None:
    """Write the checksum of every file of a model's folder into it, descriptions left out.

    To be called last, in the folder that `atomic_directory` gives. Equal manifests stand for models
    that compute the same.
    """
    write_json(Path(folder) / MANIFEST, checksums(folder))


def checksums(folder: str | Path) -> dict[str, str]:
    """The SHA-256 of every file that a model's folder computes with, by its path in the folder."""
    folder = Path(folder)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: sha256(path)
        for name, path in sorted(files.items())
        if path.is_file() and name not in (MANIFEST, *DESCRIPTIONS)
    }


def read_json(path: str | Path) -> dict:
    """The content of a JSON file; raises `UserError` if it is missing or not valid JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    with atomic(path) as temporary:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def readable() -> int:
    """The mode of a finished file, by the umask, as any program's.

    Without it, files would stay private, as temporary files and those of safetensors are.
    """
    return 0o666 & ~_umask()


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
