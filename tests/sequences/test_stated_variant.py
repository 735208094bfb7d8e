"""The line that states a variant: by hand, there and back, in cleaned records, and scored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse import tables
from seqfuse.bio.stated_variant import Variant, between, stated
from seqfuse.cli import main


@pytest.mark.parametrize(
    ("reference", "variant", "line"),
    [
        ("ACGTA", "ACTTA", "G>T at 3"),
        ("ACGTA", "ACTA", "G>- at 3"),
        ("ACTA", "ACGTA", "->G at 3"),
        ("AAAA", "AAA", "A>- at 4"),
        ("ACGT", "TCGA", "ACGT>TCGA at 1"),
    ],
)
def test_lines_by_hand(reference, variant, line):
    found = between(reference, variant)
    assert found.line == line and stated(f" {line}\nStep 1: it binds.") == found


def test_nothing_is_stated_where_nothing_changed_or_no_line_says_so():
    assert between("ACGT", "ACGT") is None
    for text in (None, "", "The G>T at 3 binds", "G>T at\n3", "Answer: x", "g>t at 3"):
        assert stated(text) is None


@given(st.text("ACGT", min_size=1, max_size=12), st.text("ACGT", min_size=1, max_size=12))
def test_the_line_makes_the_variant_of_the_reference(reference, variant):
    found = between(reference, variant)
    if found is None:
        assert reference == variant
        return
    old, new, place = found
    assert reference[place - 1 :].startswith(old)
    assert reference[: place - 1] + new + reference[place - 1 + len(old) :] == variant
    assert stated(found.line) == Variant(old, new, place)


def test_cleaned_reasoning_begins_with_the_place_in_the_window(tmp_path):
    flank = "ACGTTGCA" * 5
    rows = [
        {"id": f"r{i}", "split": split, "sequence": f"{flank}G{flank}"}
        | {"variant": f"{flank}T{flank}"}
        | {"question": f"Q{i}?", "label": "xy"[i % 2], "reasoning": reasoning}
        for i, (split, reasoning) in enumerate(
            [("train", "It binds."), ("train", None), ("test", "It is lost."), ("test", None)]
        )
    ]  # fmt: skip
    rows[3]["variant"] = rows[3]["sequence"]
    path = tmp_path / "records.parquet"
    tables.write(path, tables.from_rows(rows, tables.RECORDS), tables.RECORDS)
    words = ["sequences", "--records", str(path), "--study", "language", "--max-length", "20"]
    words += ["--too-long", "window", "--state-variant", "true", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    found = tables.read(tmp_path / "out" / "records.parquet", tables.CLEAN).to_pylist()
    line = between(found[0]["sequence"], found[0]["variant"]).line
    assert len(found[0]["sequence"]) == 20 and line.startswith("G>T at ")
    assert int(line.rpartition(" ")[2]) <= 20
    assert [row["reasoning"] for row in found] == [
        f"{line}\nIt binds.", line, f"{line}\nIt is lost.", None,
    ]  # fmt: skip
