"""The findings of a canary, one per check: as a table, as JSON, and a line for each failed one."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seqfuse.files import read_json, write_json

_VERDICTS = {True: "ok", False: "FAILED", None: "-"}


@dataclass(frozen=True)
class Finding:
    """One check on one node: what was found and what was wanted.

    `passed` is None if it was not checked; `fix` tells what to change if it failed.
    """

    node: str
    check: str
    found: str
    wanted: str = ""
    passed: bool | None = True
    fix: str = ""

    @property
    def line(self) -> str:
        """The one line that a user reads if the check failed."""
        wanted = f" (wanted: {self.wanted})" if self.wanted else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.node}: {self.check}: {self.found}{wanted}{fix}"


def failed(findings: Iterable[Finding]) -> list[Finding]:
    """Those that did not pass."""
    return [finding for finding in findings if finding.passed is False]


def table(findings: Sequence[Finding]) -> list[str]:
    """The lines of a table to read on a terminal."""
    rows = [("node", "check", "verdict", "wanted", "found")]
    rows += [(f.node, f.check, _VERDICTS[f.passed], f.wanted, f.found) for f in findings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def write(path: Path, request: str, start: str, findings: Sequence[Finding]) -> None:
    """All findings of one canary as JSON; `start` names the start of snakemake that ran it."""
    rows = [asdict(finding) for finding in findings]
    passed = not failed(findings)
    write_json(path, {"request": request, "start": start, "passed": passed, "findings": rows})


def complaints(path: Path, start: str) -> list[str]:
    """The line of every failed check in a canary's file; a file of another start of snakemake than
    `start` is a failure, too."""
    told = read_json(path)
    if told["start"] != start:
        return [f"{path}: written by another start; check that nodes share this folder"]
    return [finding.line for finding in failed(Finding(**row) for row in told["findings"])]
