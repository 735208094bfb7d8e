"""The titles of methods, arms, controls and the judge's references, in the order of tables."""

from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.methods import METHODS

TITLES: dict[str, str] = {
    **{name: method.title for name, method in METHODS.items()},
    **{name: arm.title for name, arm in ARMS.items()},
    **{name: c.title for controls in CONTROLS.values() for name, c in controls.items()},
    **REFERENCES,
}
PLACES: dict[str, int] = {name: place for place, name in enumerate(TITLES)}


def add(name: str, title: str) -> None:
    """Add the title of a plugin's entry, behind all others."""
    TITLES[name] = title
    PLACES.setdefault(name, len(PLACES))
