"""A source file of a dataset: where it is, how it was verified, and what was read from it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse.bio.reading.bad_rows import Kind


@dataclass
class Source:
    """One source file: its name in the catalogue, its place, and the split of its rows if it has
    one.

    `held_to` says what it was verified against: "sha256", "commit", "first download", or "nothing"
    (unverified, or the user's own). Counted on reading: the `rows` that became records, those
    `left_out` by reason, conversations with `later_turns` after the first answer, and sequences
    `cut` to a coding part. `unread` are unused columns, `bad` the kinds of rows that cannot be
    records, `noted` the peculiarities of rows. `role` may also be "join" (a table) or "genome".
    """

    path: str
    file: Path
    split: str | None
    sha256: str
    held_to: str
    rows: int = 0
    left_out: Counter = field(default_factory=Counter)
    later_turns: int = 0
    cut: int = 0
    unread: list[str] = field(default_factory=list)
    bad: list[Kind] = field(default_factory=list)
    role: str = "rows"
    noted: Counter = field(default_factory=Counter)

    def card(self) -> dict:
        """The file's part of card.json."""
        facts = {"path": self.path, "sha256": self.sha256, "held_to": self.held_to}
        bad = [
            {"what": kind.name, "rows": kind.rows, "first": [place.within for place in kind.places]}
            for kind in self.bad
        ]
        noted = {what: rows for what, rows in self.noted.items() if rows}
        remarks = {"unread": self.unread, "cut": self.cut, "bad": bad, "noted": noted}
        remarks["role"] = "" if self.role == "rows" else self.role
        return facts | {"rows": self.rows} | {key: value for key, value in remarks.items() if value}
