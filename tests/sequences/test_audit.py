"""The audit of small tables whose every number is counted by hand."""

import pytest


def row(split, sequence, label=None, question=None, **more):
    return {"split": split, "sequence": sequence, "label": label, "question": question} | more


FEW = "{} independent rows in test: with fewer than 6, no difference between methods can be shown"
LEAKY = [
    row("train", "AAA", "x", "q1"), row("train", "AAA", "x", "q2"), row("train", "CCC", "y", "q3"),
    row("train", "CCC", "x", "q1"), row("train", "GGG", "z", "q4"),
    row("val", "TTT", "x", "q1"),
    row("test", "AAA", "x", "q1"), row("test", "CCC", "y", "q3"), row("test", "ACA", "z", "q4"),
    row("test", "ACC", "w", "q9"),
]  # fmt: skip


def test_duplicates_lookups_and_warnings(clean):
    audit = clean(LEAKY).audit
    assert audit["splits"] == {"train": 5, "val": 1, "test": 4}
    assert audit["classes"] == 4
    assert audit["labels"]["train"] == {"x": 3, "y": 1, "z": 1}
    dna = audit["duplicates"]["dna"]
    assert dna["distinct"] == 6
    assert dna["repeated_within"] == {"train": 2, "val": 0, "test": 0}
    assert dna["seen_in_train"]["test"] == {"rows": 2, "share": 0.5}
    # Whole records (sequence, question, label): the first and second of test stand in train.
    assert audit["duplicates"]["records"]["distinct"] == 8
    assert audit["duplicates"]["records"]["seen_in_train"]["test"] == {"rows": 2, "share": 0.5}
    # AAA x 3 (all x), CCC x 3 (y, x, y): the best guess from DNA errs once in ten.
    assert audit["duplicates"]["agreement"] == {
        "repeated": 2, "with_several_labels": 1, "ceiling_of_dna": 0.9,
    }  # fmt: skip
    test = audit["lookups"]["test"]
    assert test["majority"] == {"right": 1, "n": 4, "accuracy": 0.25}
    # q1 -> x, q3 -> y, q4 -> z are right; q9 is new, and the majority x is wrong.
    assert test["question"] == {
        "right": 3, "n": 4, "accuracy": 0.75, "seen": 3, "accuracy_seen": 1.0,
    }  # fmt: skip
    # AAA -> x; CCC is a tie of x and y, which goes to x, the commoner: wrong; then twice x: wrong.
    assert test["dna"] == {"right": 1, "n": 4, "accuracy": 0.25, "seen": 2, "accuracy_seen": 0.5}
    assert audit["warnings"] == [
        FEW.format(4),
        "2 of 4 rows of test have DNA that train holds",
        "a dictionary of questions scores 75.00 % on test, without DNA",
        "1 rows have a label that train does not hold",
    ]


def test_the_variant_is_part_of_the_dna(clean):
    rows = [row("train", "AAA", "x", variant="AAC"), row("test", "AAA", "x", variant="AAG")]
    rows.append(row("test", "CCC", "x", variant="CCG"))
    found = clean(rows).audit["duplicates"]["dna"]
    assert found["distinct"] == 3 and found["seen_in_train"]["test"]["rows"] == 0


def test_regression(clean):
    rows = [
        row("train", "ACA", value=1.0), row("train", "ACA", value=3.0),
        row("train", "CCA", value=5.0), row("train", "CCA", value=6.0),
        row("train", "GCA", value=9.0), row("train", "GCA", value=7.0),
        row("test", "ACA", value=2.5), row("test", "CCA", value=1.5), row("test", "TTT", value=8.0),
    ]  # fmt: skip
    audit = clean(rows, "codons").audit
    # ACA -> 2, CCA -> 5.5, new -> mean 31/6 = 5.17: ranks 1 3 2 against 2 1 3: rho = -0.5.
    assert audit["lookups"]["test"]["dna"] == {
        "n": 3, "seen": 2, "spearman": pytest.approx(-0.5), "spearman_seen": pytest.approx(-1.0),
    }  # fmt: skip
    # First two values of each: (1, 3), (5, 6), (9, 7): ranks 1 2 3 against 1 2 3.
    assert audit["duplicates"]["agreement"] == {
        "repeated": 3, "with_several_values": 3, "spearman_of_two": 1.0,
    }  # fmt: skip
    assert audit["labels"] == {} and audit["lookups"].keys() == {"test"}
    assert audit["warnings"][-3:] == [
        "no row in val", FEW.format(3), "2 of 3 rows of test have DNA that train holds",
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "warned"), [(2, True), (5, True), (6, False)])
def test_a_test_split_too_small_to_conclude_is_found_at_start(clean, count, warned):
    tested = [row("test", "ACG" + "A" * i, "xy"[i % 2]) for i in range(count)]
    found = clean([row("train", "AAA", "x"), *tested])
    assert (FEW.format(count) in found.audit["warnings"]) == warned
    assert (FEW.format(count) in found.said) == warned
    assert found.audit["independent"] == {"val": 0, "test": count}


def test_rows_of_one_group_count_once_found_at_start(clean):
    tested = [row("test", "ACG" + "A" * i, "x", group=f"gene {i % 3}") for i in range(9)]
    found = clean([row("train", "AAA", "x"), *tested, row("test", "TTT", "x")])
    assert found.audit["independent"]["test"] == 4
    assert FEW.format(4) in found.audit["warnings"]


def test_a_test_split_of_one_value_is_found_at_start(clean):
    tested = [row("test", "ACG" * i, value=2.5) for i in range(1, 8)]
    rows = [row("train", "ACA", value=1.0), *tested]
    found = clean(rows, "codons")
    assert found.status == 2 and "test has 7 rows, all with one value, so corr" in found.said
    rows[-1] = row("test", "ACG", value=2.0)
    assert clean(rows, "codons").audit["constant"] == []


def test_near_duplicates_do_not_count_exact_ones(clean):
    first = "ACGTTGCATGCATTGACCATGGATCCATTGACCATGATTAGGCCTAAGCTTGGCACTGGCC"
    other = first[:-1] + "A"  # 48 of 50 different 12-mers
    rows = [row("train", first), row("test", first), row("train", other), row("val", "T" * 60)]
    rows.append(row("test", "G" * 60))
    near = clean(rows).audit["near_duplicates"]
    assert near["within"]["train"] == {"compared": 2, "near": 2, "share": 1.0}
    assert near["within"]["test"] == {"compared": 2, "near": 0, "share": 0.0}
    assert near["in_train"]["val"] == {"compared": 1, "near": 0, "share": 0.0}
    # The test row has an exact copy in train, and a near one beside it.
    assert near["in_train"]["test"] == {"compared": 2, "near": 1, "share": 0.5}


def test_coding_sequences_are_known_by_open_frames(clean):
    whole = ["ATG" + "GCATGG" * 10 + "TAA"] * 8 + ["ATGTAAGCA"] + ["CTGGCA"]
    coding = clean(whole, "codons").audit["coding"]
    assert coding["share_start"] == 0.9 and coding["share_internal_stop"] == 0.1
    assert coding["is_coding"]
    assert clean(whole, "language").audit["coding"] is None


def test_windows_of_coding_sequences_need_no_start(clean):
    """60 codons without a stop would be chance once in 18; 5 codons would be four times in five."""
    coding = clean(["GCATGG" * 30], "codons").audit["coding"]
    assert coding["share_start"] == 0.0 and coding["is_coding"]
    assert coding["share_internal_stop_by_chance"] == pytest.approx(1 - (61 / 64) ** 60)
    assert not clean(["GCATGGGCATGGGCA"], "codons").audit["coding"]["is_coding"]


def test_a_set_with_stops_is_flagged(clean):
    found = clean(["ATGTAAGCA", "ATGGCAGCA", "ATGGCAGCC"], "codons")
    assert not found.audit["coding"]["is_coding"]
    expected = (
        "not coding sequences: 100.0 % start with ATG, 33.3 % have a stop inside; codons mean "
        "nothing here"
    )
    assert found.audit["warnings"][0] == expected and expected in found.said
