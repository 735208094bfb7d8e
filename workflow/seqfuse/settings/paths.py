"""Where the checkout keeps what is not code: presets, catalogues, prompts, the papers' tables."""

from pathlib import Path

WORKFLOW = Path(__file__).resolve().parents[2]
RESOURCES = WORKFLOW.parent / "resources"
