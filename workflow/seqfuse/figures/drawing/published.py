"""The papers' own numbers, from resources/paper/*.csv, beside ours, never among them.

The folder's README says what the columns are. A row without a variant is the value of a method's
standard setting.
"""

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from seqfuse.errors import UserError
from seqfuse.settings.paths import RESOURCES, in_checkout


@dataclass(frozen=True)
class Published:
    """A number of a paper, on the scale of our metrics, and where it stands."""

    value: float
    source: str
    note: str


def value(dataset: str, method: str, metric: str, variant: str = "") -> Published | None:
    """The published value of a method (or a `variant` of it) on a dataset, if a paper has one."""
    return _all().get((dataset, method, "", variant, metric))


def others(dataset: str, metric: str) -> dict[str, Published]:
    """The published values on a dataset of what is no method or arm of ours, by its own name."""
    place = (dataset, "", "", metric)
    return {key[2]: paper for key, paper in _all().items() if (*key[:2], *key[3:]) == place}


def beside(rows: pd.DataFrame, papers: Sequence[Published | None]) -> pd.DataFrame:
    """Add a paper's value to each row of `value`, `low` and `high`, if there is one: with its
    source, our difference from it, and whether our interval covers it."""
    value = pd.Series([paper.value if paper else None for paper in papers], rows.index, dtype=float)
    covered = (rows["low"] <= value) & (value <= rows["high"])
    return rows.assign(
        published=value,
        published_source=[paper.source if paper else None for paper in papers],
        published_note=[paper.note if paper else None for paper in papers],
        difference=rows["value"] - value,
        interval_covers_published=covered.map({True: "yes", False: "no"}).where(
            value.notna() & rows["low"].notna()
        ),
    )


@functools.cache
def _all() -> dict[tuple[str, str, str, str, str], Published]:
    """By dataset, our name of the method, its own name where we have none, variant, and metric."""
    values = {}
    for path in sorted(in_checkout(RESOURCES / "paper").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                try:
                    name = "" if row["method"] else row["name"]
                    key = (row["dataset"], row["method"], name, row["variant"], row["metric"])
                    source = ", ".join(filter(None, (row["source"], row["table"])))
                    values[key] = Published(float(row["value"]), source, row["note"])
                except (KeyError, TypeError, ValueError) as error:
                    raise UserError(f"{path}: line {number}: {error!r}") from None
    return values
