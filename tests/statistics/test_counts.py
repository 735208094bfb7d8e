"""Counts that a printed percentage can be, and the table of them in docs/results.md."""

import csv
from pathlib import Path

import pytest

from seqfuse.statistics.counts import fitting

ROOT = Path(__file__).resolve().parents[2]
KEGG = (144, 146, 290)


@pytest.mark.parametrize(
    ("printed", "rows", "expected"),
    [
        ("99.31", 144, [143]),
        ("99.31", 146, []),
        ("99.31", 290, [288]),
        ("87.50", 144, [126]),
        ("88.42", 144, []),
        ("46.94", 290, []),
        ("100", 3, [3]),
        ("0", 3, [0]),
        ("33", 3, [1]),
        ("50", 3, []),
        # 12.5 is printed as 12 by some and as 13 by others.
        ("12", 8, [1]),
        ("13", 8, [1]),
        # Of a thousand rows, a percentage without decimals is many counts.
        ("80", 1000, [*range(795, 806)]),
    ],
)
def test_counts_by_hand(printed, rows, expected):
    assert fitting(printed, rows) == expected


def test_every_count_is_found_again_and_no_other():
    for rows in (7, 144, 146, 290, 873):
        for k in range(rows + 1):
            assert k in fitting(f"{100 * k / rows:.2f}", rows)
    assert all(
        abs(100 * k / 290 - number / 100) <= 0.005 + 1e-9
        for number in range(0, 10001)
        for k in fitting(f"{number / 100:.2f}", 290)
    )


def published(name: str) -> list[dict]:
    with (ROOT / "resources" / "paper" / f"{name}.csv").open() as lines:
        return [row for row in csv.DictReader(lines) if row["metric"] == "accuracy"]


def counts(printed: str, rows: int) -> str:
    return ", ".join(f"{k}/{rows}" for k in fitting(printed, rows)) or "none"


def test_the_page_has_the_counts_of_every_published_accuracy():
    page = (ROOT / "docs" / "results.md").read_text()
    for row in published("kegg"):
        what = f"{row['name']}, {row['variant']}" if row["variant"] else row["name"]
        cells = [counts(row["printed"], rows) for rows in KEGG]
        assert f"| {what} | {row['printed']} | {' | '.join(cells)} |" in page
    for row in published("variant_effects"):
        rows = 1233 if row["dataset"] == "variant-effect-coding" else 873
        line = f"| {row['dataset']} | {row['name']} | {row['printed']} | "
        assert line + f"{counts(row['printed'], rows)} |" in page
