"""The papers' numbers: well formed, and one value at most to show beside ours."""

import csv
from collections import Counter

import pytest

from seqfuse.registry.arms import ARMS
from seqfuse.registry.methods import METHODS

COLUMNS = [
    "dataset",
    "method",
    "variant",
    "metric",
    "value",
    "printed",
    "name",
    "source",
    "table",
    "note",
]


@pytest.fixture(scope="module")
def rows(root) -> list[dict]:
    found = []
    for path in sorted((root / "resources" / "paper").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == COLUMNS, path
            found += list(reader)
    return found


def test_one_value_at_most_stands_beside_ours(rows):
    standard = [row for row in rows if not row["variant"] and row["method"]]
    keys = Counter((row["dataset"], row["method"], row["metric"]) for row in standard)
    assert [key for key, times in keys.items() if times > 1] == []
    assert ("kegg", "onevocab", "accuracy") in keys
    assert ("ecoli", "xattn", "accuracy") in keys


def test_methods_are_ours(rows):
    known = {*METHODS, *ARMS, "late_mean", ""}
    assert {row["method"] for row in rows} <= known


def test_values_are_the_printed_ones_in_our_unit(rows):
    for row in rows:
        value, printed = float(row["value"]), float(row["printed"])
        percent = row["metric"] in ("accuracy", "f1", "precision", "recall") and printed > 1
        assert value == pytest.approx(printed / 100 if percent else printed), row
        assert row["source"]
