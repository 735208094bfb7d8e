"""A source file of a dataset: where it is, what vouches for it, and what was read of it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse.bio.reading.bad_rows import Kind


@dataclass
class Source:
    """One source file: its name in the catalogue, where it is, the split of its rows if it has one.

    `held_to` says what vouches for it: "sha256", "commit", "first download", or "nothing"
    (unverified, or one's own).
    Counted when it is read: `rows` that became records, rows that did not by reason, records of
    conversations that go on after the first answer, and sequences that are `cut` to a coding part;
    `unread` are the columns that no key names, `bad` the kinds of rows that cannot be records;
    `noted` counts what is odd about rows. Its `role` may also be "join" (a table) or "genome".
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
        """What the card says of it."""
        found = {"path": self.path, "sha256": self.sha256, "held_to": self.held_to}
        bad = [
            {"what": kind.name, "rows": kind.rows, "first": [place.within for place in kind.places]}
            for kind in self.bad
        ]
        noted = {what: rows for what, rows in self.noted.items() if rows}
        remarks = {"unread": self.unread, "cut": self.cut, "bad": bad, "noted": noted}
        remarks["role"] = "" if self.role == "rows" else self.role
        return found | {"rows": self.rows} | {key: value for key, value in remarks.items() if value}
