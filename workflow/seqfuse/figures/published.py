"""The papers' own numbers, from resources/paper/*.csv, beside ours, never among them.

The folder's README says what the columns are. Shown beside ours are the rows without a variant: the
values of a method's standard setting.
"""

import csv
import functools
from dataclasses import dataclass

from seqfuse.config import RESOURCES
from seqfuse.errors import UserError


@dataclass(frozen=True)
class Published:
    """A number of a paper, on the scale of our metrics, and where it stands."""

    value: float
    source: str


def value(dataset: str, method: str, metric: str) -> Published | None:
    """The published value of a method on a dataset, if a paper has one."""
    return _all().get((dataset, method, "", metric))


def others(dataset: str, metric: str) -> dict[str, Published]:
    """The published values on a dataset of what is no method or arm of ours, by its own name."""
    asked = (dataset, "", metric)
    return {key[2]: paper for key, paper in _all().items() if (*key[:2], key[3]) == asked}


@functools.cache
def _all() -> dict[tuple[str, str, str, str], Published]:
    """By dataset, our name of the method, its own name where we have none, and metric."""
    found = {}
    for path in sorted((RESOURCES / "paper").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                try:
                    if row["dataset"] and not row["variant"]:
                        name = "" if row["method"] else row["name"]
                        key = (row["dataset"], row["method"], name, row["metric"])
                        source = ", ".join(filter(None, (row["source"], row["table"])))
                        found[key] = Published(float(row["value"]), source)
                except (KeyError, TypeError, ValueError) as error:
                    raise UserError(f"{path}: line {number}: {error!r}") from None
    return found
