"""What methods, arms and controls are called in the report, and in which order they stand."""

from collections.abc import Iterable

from seqfuse.registry.titles import PLACES, TITLES


def title(name: str) -> str:
    """The catalogue's title; of a name that no catalogue holds the name itself."""
    return TITLES.get(name, name)


def order(names: Iterable[str]) -> list[str]:
    """Names in the order of the catalogues, unknown ones behind them."""
    return sorted(set(names), key=lambda name: (PLACES.get(name, len(PLACES)), name))
