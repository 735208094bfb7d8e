"""Where the checkout keeps its data: presets, catalogues, prompts, the papers' tables."""

import subprocess
from pathlib import Path

from seqfuse.errors import UserError

WORKFLOW = Path(__file__).resolve().parents[2]
RESOURCES = WORKFLOW.parent / "resources"


def in_checkout(path: Path) -> Path:
    """A file or folder of the checkout; raises `UserError` in an installed package, which has
    none."""
    if not path.exists():
        raise UserError(
            f"{path}: not found; presets, catalogues, prompts and the papers' tables are not"
            " installed with the package: run this from a checkout, installed with"
            " `pip install -e .`"
        )
    return path


def commit() -> str:
    """The first 12 digits of the checkout's commit, with " with changes" behind them if tracked
    files differ from it; "" outside of a checkout."""
    root = WORKFLOW.parent
    if _git("rev-parse", "--show-toplevel") != str(root.resolve()):
        return ""  # no repository, or that of another project, in which this package is installed
    changed = _git("status", "--porcelain", "--untracked-files=no")
    head = _git("rev-parse", "HEAD")[:12]
    return f"{head} with changes" if head and changed else head


def _git(*words: str) -> str:
    command = ["git", "-C", str(WORKFLOW.parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
