"""What methods, arms and controls are called in a figure, in which order they stand, which colour.

Everything comes from the catalogues, so that a new entry has its row and its colour at once.
"""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.methods import METHODS
from seqfuse.registry.metrics import METRICS
from seqfuse.registry.titles import PLACES, TITLES

# Okabe and Ito's palette without yellow, which is too light for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D")
CONTROL = "#6B6B6B"
# Shapes repeat on another cycle than colours, and carry the difference in black and white.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")

# Whose colours and markers are dealt out in this order: the arms of the paper before the others.
_METHODS = [name for name, method in METHODS.items() if method.kind == "method"]
_ARMS = sorted(ARMS, key=lambda arm: (ARMS[arm].kind != "method", len(ARMS[arm].modalities) == 2))
_KINDS = ("method", "ablation", "control")
# Colours and markers, by place, of this figure's names that no catalogue holds: `tell_apart`.
_DEALT: dict[str, int] = {}


def title(name: str) -> str:
    """The title of a method, arm or control; of an unknown one its name in words."""
    return TITLES.get(name) or name.replace("_", " ").replace("-", " ")


def metric(name: str) -> str:
    """How a metric is written on an axis."""
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def order(kinds: Mapping[str, str]) -> list[str]:
    """The names in {name: kind}: methods in the order of the catalogues, ablations, controls."""
    position = {name: (PLACES.get(name, len(PLACES)), name) for name in kinds}
    return sorted(kinds, key=lambda name: (_KINDS.index(kinds[name]), position[name]))


def kind(name: str, said: str | None = None) -> str:
    """What a name is: "method", "ablation" or "control".

    Of a variant, which no catalogue holds, the run's own tables may have `said` it.
    """
    known = METHODS.get(name) or ARMS.get(name)
    if known:
        return known.kind
    return said or ("control" if name in TITLES else "method")


def kinds(metrics: pd.DataFrame) -> dict[str, str]:
    """The kind of each method and control that was scored on unaltered input."""
    rows = metrics[metrics["kind"].isin(_KINDS)].drop_duplicates("method")
    return {row.method: kind(row.method, row.kind) for row in rows.itertuples()}


def colour(name: str, kind: str = "method") -> str:
    """The colour of a method or arm; every control is grey."""
    return CONTROL if kind == "control" else PALETTE[_rank(name) % len(PALETTE)]


def shape(name: str, kind: str = "method") -> dict[str, str]:
    """The marker of a method or arm; controls and ablations are hollow."""
    if kind == "control":
        return {"marker": "o", "markerfacecolor": "white"}
    hollow = {"markerfacecolor": "white"} if kind == "ablation" else {}
    return {"marker": MARKERS[_rank(name) % len(MARKERS)]} | hollow


def count(number: float) -> str:
    """A number of parameters or examples in three digits at most: 0, 512, 83k, 1.7M, 2.5B."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{letter}" if scaled < 10 else f"{scaled:.0f}{letter}"
    return f"{number:.0f}"


def span(numbers: Iterable[float]) -> str:
    """The range of some numbers as `count` writes them, or one number if all are the same.

    Nothing where there is no number.
    """
    numbers = [number for number in numbers if not math.isnan(number)]
    if not numbers:
        return ""
    texts = dict.fromkeys(count(number) for number in (min(numbers), max(numbers)))
    return " to ".join(texts)


def tell_apart(names: Iterable[str]) -> None:
    """Give each name of a figure that no catalogue holds a colour and marker of its own.

    A name keeps its place in every figure, unless another of the same figure has taken it.
    """
    _DEALT.clear()
    looks = len(PALETTE) * len(MARKERS)
    taken = set(range(max(len(_METHODS), len(_ARMS))))
    for name in sorted(set(names).difference(METHODS, ARMS, *CONTROLS.values())):
        place = _by_letters(name) % looks
        while place in taken and len(taken) < looks:
            place = (place + 1) % looks
        taken.add(place)
        _DEALT[name] = place


def _rank(name: str) -> int:
    family = _ARMS if name in ARMS else _METHODS
    return family.index(name) if name in family else _DEALT.get(name, _by_letters(name))


def _by_letters(name: str) -> int:
    return sum(map(ord, name))
