"""What depends on the whole set: each row's new split, whether it repeats another row, and whether
a draw leaves it out."""

from collections import Counter
from typing import Self

import numpy as np
import pyarrow as pa

from seqfuse.bio import splits
from seqfuse.bio.normalise import keys
from seqfuse.sequences.coding import CodingCheck
from seqfuse.sequences.resplit import Collector

_CONTENT = ("sequence", "variant", "question", "label")
_DUPLICATE, _OTHER_VALUE = "duplicate", "duplicate, of another value"
_IN_THE_MEAN = "duplicate, in the mean"


class Plan:
    """Arrays over the rows of the file: the new split, whether a split by groups has to leave the
    row out, whether it repeats another, whether a draw leaves it out, and its new value."""

    def __init__(self, split, left_out, repeated, undrawn, other_value, value, policy: str):
        self.split, self.left_out, self.repeated = split, left_out, repeated
        self.undrawn = undrawn
        self.other_value, self.value, self.policy = other_value, value, policy

    @classmethod
    def of(cls, cleaner) -> Self | None:
        """The plan, from a first pass over the file; None if the settings ask for no new split, no
        removal of duplicates and no draw."""
        settings = cleaner.settings
        if (settings.split_by, settings.duplicates, *settings.draw) == ("official", "keep"):
            return None
        collected = Collector(settings.split_by, cleaner.records, cleaner.proteins())
        contents, kept, values, coding = [], [], [], CodingCheck(settings.genetic_code)
        for part in cleaner.cleaned():
            collected.add(part.batch)
            contents.append(keys(*(part.batch[name] for name in _CONTENT)))
            kept.append(part.kept)
            values.append(part.batch["value"].to_numpy(zero_copy_only=False).astype(float))
            if collected.proteins:
                keep = pa.array(part.kept)
                places = part.kept_places(cleaner.records)
                coding.add(part.frames.filter(keep), part.batch["sequence"].filter(keep), places)
        by_protein = collected.proteins is not None and coding.summary()["is_coding"]
        split = collected.assign(settings.split_seed, by_protein)
        left_out = collected.left_out()
        content, usable = np.concatenate(contents), np.concatenate(kept) & ~left_out
        repeated = splits.repeated(content, split, usable, settings.duplicates)
        other, value = _values(
            content, np.concatenate(values), usable, repeated, settings.duplicates
        )
        words = (word.partition("=") for word in settings.draw)
        most = {name: int(rows) for name, _, rows in words}
        undrawn = splits.undrawn(split, usable & ~repeated, most, settings.split_seed)
        return cls(split, left_out, repeated, undrawn, other, value, settings.duplicates)

    def apply(self, part) -> None:
        """Give the rows of a part their split, their value and the reasons of the plan."""
        rows = part.rows
        part.put("split", pa.array(self.split[rows], pa.string()))
        if self.policy == "mean":
            values = self.value[rows]
            part.put("value", pa.array(values, pa.float64(), mask=np.isnan(values)))
        for i in np.flatnonzero(self.left_out[rows]):
            part.reject(i, "its label has one group")
        for i in np.flatnonzero(self.repeated[rows]):
            other = _IN_THE_MEAN if self.policy == "mean" else _OTHER_VALUE
            part.reject(i, other if self.other_value[rows[i]] else _DUPLICATE)
        for i in np.flatnonzero(self.undrawn[rows]):
            part.reject(i, "not drawn")

    def warnings(self, reasons: Counter) -> list[str]:
        """What a reader of the audit should know."""
        if not reasons[_OTHER_VALUE]:
            return []
        rows = reasons[_DUPLICATE] + reasons[_OTHER_VALUE]
        return [
            f"{reasons[_OTHER_VALUE]:,} of {rows:,} dropped duplicates have another value than the"
            " row that is kept; `duplicates: mean` keeps one row with the mean of all"
        ]


def _values(contents, values, usable, repeated, policy: str) -> tuple[np.ndarray, np.ndarray]:
    """(whether each repeated row has another value than the kept row of the same content (bool);
    the values, with policy mean averaged over all rows of the same content)."""
    stays = np.flatnonzero(usable & ~repeated)
    distinct, first = np.unique(contents[stays], return_index=True)
    other, gone = np.zeros(len(contents), bool), np.flatnonzero(repeated)
    if not len(gone):
        return other, values
    of_first = values[stays[first[np.searchsorted(distinct, contents[gone])]]]
    other[gone] = (values[gone] != of_first) & ~(np.isnan(values[gone]) & np.isnan(of_first))
    if policy == "mean":
        rows = np.flatnonzero(usable & np.isin(contents, contents[gone]))
        _, group = np.unique(contents[rows], return_inverse=True)
        means = np.bincount(group, values[rows]) / np.bincount(group)
        values = values.copy()
        values[rows] = means[group]
    return other, values
