"""Whether a node has the code and folders of the submitting host, can lock there, and has room.

Nothing here imports torch.
"""

import contextlib
import fcntl
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from seqfuse.canary.findings import Finding
from seqfuse.canary.submitted import Folder, Submitted, code, name_of

# Exit status of a process that finds a lock taken, and of one that takes it.
_TAKEN, _FREE = 3, 0
_TAKE = f"""
import fcntl, sys
with open(sys.argv[1]) as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit({_TAKEN})
"""
# Logs, tables and temporary files, whatever the plan's own estimates say.
_LEAST_MB = 500
_SHARE = {
    "results": "start snakemake in a folder that nodes share",
    "store": "set `store` in config.yaml to a folder that nodes share",
    "HF_HOME": "set HF_HOME to a folder that nodes share, and start again",
}
_LOCKS = (
    "mount it with locks (NFS without `nolock`, Lustre with `-o flock`), or choose another folder"
)
_WRITES = "let jobs write there, or set `store` in config.yaml to another folder that nodes share"
_ROOM = "free some space there, or choose another folder"


def check(node: str, submitted: Submitted) -> Iterator[Finding]:
    """Compare what this node sees with what the submitting host saw."""
    yield _code(node, submitted)
    for what, folder in submitted.folders.items():
        visible = _visible(node, what, folder, submitted.host)
        yield visible
        if visible.passed:
            if folder.writable:
                tried = _renamed if what == "store" else _locked
                yield tried(node, what, Path(folder.path))
            yield _room(node, what, submitted)


def _code(node: str, submitted: Submitted) -> Finding:
    package = Path(__file__).resolve().parents[1]
    if code() == submitted.code:
        return Finding(node, "checkout", f"the code of {submitted.host}")
    return Finding(
        node, "checkout", f"the code in {package} differs from that on {submitted.host}",
        "the same code", False,
        "let nodes see the checkout that snakemake was started from, and do not edit it"
        " while a run waits",
    )  # fmt: skip


def _visible(node: str, what: str, folder: Folder, host: str) -> Finding:
    """Whether the path leads to the same folder as on the submitting host."""
    check, wanted = f"{what} visible", f"the folder that {host} sees"
    path = Path(folder.path)
    try:
        there, name = path.is_dir(), name_of(path)
    except OSError as error:
        problem = f"{path}: {error.strerror}"
    else:
        if there and name == folder.name:
            return Finding(node, check, folder.path)
        problem = f"{path} is a different folder" if there else f"{path} does not exist"
    return Finding(node, check, problem, wanted, False, _SHARE.get(what, ""))


def _locked(node: str, what: str, folder: Path) -> Finding:
    """Whether a file can be written there, and whether its lock keeps another process out."""
    check, wanted = f"{what} lockable", "one process holds a lock"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".seqfuse-canary.") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            problem = _second(file.name)
    except OSError as error:
        problem = f"{folder}: {error.strerror}"
    if problem is None:
        return Finding(node, check, "one of two processes")
    return Finding(node, check, problem, wanted, False, _LOCKS)


def _renamed(node: str, what: str, folder: Path) -> Finding:
    """Whether a file can be written and renamed there, which is all that concurrent writers of the
    store need: they use no locks."""
    check, wanted = f"{what} writable", "a file can be written and renamed"
    content = uuid.uuid4().hex
    hidden, shown = (folder / f".seqfuse-canary.{content}.{n}" for n in ("hidden", "shown"))
    try:
        hidden.write_text(content)
        hidden.replace(shown)
        problem = (
            None
            if shown.read_text() == content
            else f"{folder}: the file came back with other content"
        )
    except OSError as error:
        problem = f"{folder}: {error.strerror}"
    finally:
        for path in (hidden, shown):
            with contextlib.suppress(OSError):
                path.unlink()
    if problem is None:
        return Finding(node, check, "written, renamed and read")
    return Finding(node, check, problem, wanted, False, _WRITES)


def _second(path: str) -> str | None:
    """Try to take, in a second process, the lock that this one holds; what is wrong, if
    anything."""
    command = [sys.executable, "-I", "-S", "-c", _TAKE, path]
    other = subprocess.run(command, capture_output=True, text=True)
    if other.returncode == _TAKEN:
        return None
    if other.returncode == _FREE:
        return f"{Path(path).parent}: two processes hold one lock at once"
    return f"{Path(path).parent}: {other.stderr.strip().splitlines()[-1]}"


def _room(node: str, what: str, submitted: Submitted) -> Finding:
    """Whether the disk has room for what the plan writes to this and other folders on it."""
    folder = submitted.folders[what]
    device = Path(folder.path).stat().st_dev
    wanted = _LEAST_MB
    for other in submitted.folders.values():
        with contextlib.suppress(OSError):
            wanted += other.disk_mb * (Path(other.path).stat().st_dev == device)
    free = shutil.disk_usage(folder.path).free // 10**6
    room = f"{free} MB free" if free >= wanted else f"{folder.path}: {free} MB free"
    return Finding(node, f"{what} room", room, f"{wanted} MB", free >= wanted, _ROOM)
