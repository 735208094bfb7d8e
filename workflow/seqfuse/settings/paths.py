"""Where the checkout keeps what is not code: presets, catalogues, prompts, the papers' tables."""

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
