"""What a report was made with: the packages of its environment, and the project's commit."""

import subprocess
from importlib import metadata

from seqfuse import __version__
from seqfuse.settings.paths import WORKFLOW

_NAMED = ("torch", "transformers", "snakemake", "numpy", "pyarrow", "scipy")


def packages() -> dict[str, str]:
    """{name: version} of this package and of those below it that are installed here."""
    found = {"seqfuse": __version__}
    for name in _NAMED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # An environment of its own for each stage holds what that stage needs.
            continue
    return found


def commit() -> str:
    """The commit of the project's checkout, and whether files differ from it; "" outside git."""
    found = _git("rev-parse", "HEAD")
    changed = found and _git("status", "--porcelain", "--untracked-files=no")
    return f"{found[:12]} with changes" if changed else found[:12]


def _git(*words: str) -> str:
    command = ["git", "-C", str(WORKFLOW), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
