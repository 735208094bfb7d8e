"""What methods, arms and controls are called in the report, and in which order they stand."""

from collections.abc import Iterable

from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.methods import METHODS

_TITLES = {name: entry.title for name, entry in {**METHODS, **ARMS}.items()}
_TITLES |= {name: c.title for controls in CONTROLS.values() for name, c in controls.items()}
_TITLES |= REFERENCES
_ORDER = {name: place for place, name in enumerate(_TITLES)}


def title(name: str) -> str:
    """The catalogue's title; of a name that no catalogue holds the name itself."""
    return _TITLES.get(name, name)


def order(names: Iterable[str]) -> list[str]:
    """Names in the order of the catalogues, unknown ones behind them."""
    return sorted(set(names), key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
