"""Where the checkout keeps what is not code: presets, catalogues, prompts, the papers' tables."""

import subprocess
from pathlib import Path

from seqfuse.errors import UserError

WORKFLOW = Path(__file__).resolve().parents[2]
RESOURCES = WORKFLOW.parent / "resources"


def in_checkout(path: Path) -> Path:
    """A file or folder of the checkout; an installed package has none, which is a `UserError`."""
    if not path.exists():
        raise UserError(
            f"{path}: not there; presets, catalogues, prompts and the papers' tables are not"
            " installed with the package: run this from a checkout, installed with"
            " `pip install -e .`"
        )
    return path


def commit() -> str:
    """The commit of the project's checkout, and whether files differ from it; "" outside of one."""
    root = WORKFLOW.parent
    if _git("rev-parse", "--show-toplevel") != str(root.resolve()):
        return ""  # no repository, or that of a project which this package is installed in
    changed = _git("status", "--porcelain", "--untracked-files=no")
    found = _git("rev-parse", "HEAD")[:12]
    return f"{found} with changes" if found and changed else found


def _git(*words: str) -> str:
    command = ["git", "-C", str(WORKFLOW.parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
