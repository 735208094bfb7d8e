"""Splits that are made: of the right size, seeded, and disjoint in what they say they are."""

import collections

import numpy as np
import pytest

from seqfuse.bio import draws
from seqfuse.bio.splits import assign

SIZES = {"train": 60, "val": 20, "test": 20}


def rows(n: int = 100, copies: int = 2) -> list[dict]:
    """Every sequence occurs `copies` times, in ten groups; official splits of `SIZES`."""
    rng = np.random.default_rng(0)
    dna = ["".join(rng.choice(list("ACGT"), size=60)) for _ in range(n // copies)] * copies
    names = [name for name, size in SIZES.items() for _ in range(size)]
    return [
        {"sequence": text, "split": split, "group": f"g{i % 10}"}
        for i, (text, split) in enumerate(zip(dna, names, strict=True))
    ]


def test_assign_gives_each_key_to_the_split_of_its_middle_row():
    found = assign(np.arange(100, dtype=np.uint64), {"train": 0.8, "val": 0.1, "test": 0.1}, 0)
    assert collections.Counter(found.tolist()) == {"train": 80, "val": 10, "test": 10}
    # One key with 4 of 5 rows: whatever the order, its middle row falls into the larger half.
    keys = np.array([7, 7, 7, 7, 1], np.uint64)
    for seed in range(5):
        assert set(assign(keys, {"train": 4, "test": 1}, seed)[:4]) == {"train"}


def test_official_splits_stay(clean):
    given = rows()
    assert clean(given).column("split") == [row["split"] for row in given]


@pytest.mark.parametrize("method", ["rows", "random", "group", "cluster"])
def test_made_splits_have_the_official_sizes_and_follow_the_seed(clean, method):
    found = clean(rows(), split_by=method).column("split")
    counts = collections.Counter(found)
    for name, size in SIZES.items():  # groups have 10 rows, equal sequences 2
        assert (
            abs(counts[name] - size) <= {"rows": 0, "random": 2, "group": 10, "cluster": 2}[method]
        )
    assert clean(rows(), split_by=method).column("split") == found
    assert clean(rows(), split_by=method, split_seed=1).column("split") != found


@pytest.mark.parametrize("method, key", [("random", "sequence"), ("group", "group")])
def test_made_splits_are_disjoint(clean, method, key):
    found = collections.defaultdict(set)
    for row in clean(rows(), split_by=method).rows:
        found[row[key]].add(row["split"])
    assert all(len(splits) == 1 for splits in found.values())


def test_a_split_by_rows_puts_equal_sequences_on_several_sides(clean):
    found = clean(rows(), split_by="rows")
    assert found.audit["duplicates"]["dna"]["seen_in_train"]["test"]["rows"] > 5
    assert clean(rows(), split_by="random").audit["duplicates"]["dna"]["seen_in_train"]["test"] == {
        "rows": 0,
        "share": 0.0,
    }


def test_a_split_that_leaves_a_side_empty_is_refused_where_it_is_made(clean):
    """One family: a sequence and 49 with a substitution each; as Tc-Riboswitches, one cluster."""
    given = rows(copies=2)[:50]
    first = given[0]["sequence"] * 2
    for i, row in enumerate(given):
        row["sequence"] = first[:i] + {"A": "C"}.get(first[i], "A") + first[i + 1 :]
        row["split"] = ("train", "train", "train", "val", "test")[i % 5]
    found = clean(given, split_by="cluster")
    [line] = found.said.splitlines()
    assert found.status == 2 and "split_by cluster leaves no row in" in line
    assert "its 50 rows stay together in 1 group, the largest of 50 rows" in line
    # The official split is taken as it is; the audit says what train knows of test.
    assert (
        "10 of 10 distinct sequences of test have a near-duplicate in train"
        in (clean(given).audit["warnings"])
    )


def test_cluster_splits_keep_near_duplicates_together(clean):
    """20 families of 5, each sequence one substitution from the family's first."""
    rng = np.random.default_rng(1)
    given = []
    for family in range(20):
        first = "".join(rng.choice(list("ACGT"), size=100))
        for i in range(5):
            place = int(rng.integers(100))
            other = first[:place] + "ACGT"[(i + 1) % 4] + first[place + 1 :]
            given.append({"sequence": other, "group": f"f{family}", "split": "train"})
    for i, row in enumerate(given):
        row["split"] = "test" if i % 5 == 0 else "train"
    random, cluster = (clean(given, split_by=name) for name in ("random", "cluster"))
    assert random.audit["near_duplicates"]["in_train"]["test"]["share"] > 0.5
    assert cluster.audit["near_duplicates"]["in_train"]["test"]["share"] == 0.0
    found = collections.defaultdict(set)
    for row in cluster.rows:
        found[row["group"]].add(row["split"])
    assert all(len(splits) == 1 for splits in found.values())
    assert collections.Counter(cluster.column("split"))["test"] == 20


def test_a_label_of_one_group_is_rejected_and_every_other_is_taught(clean):
    # Labels a to c have two groups each of unequal size, d has one.
    given = [
        {
            "sequence": "ACGT" * 9 + "ACGT"[i % 4] * 3,
            "label": label,
            "group": f"{label}{i % 3 // 2}",
        }
        for label in "abc"
        for i in range(9)
    ]
    given += [{"sequence": "ACGT" * 10, "label": "d", "group": "a0"} for _ in range(3)]
    for i, row in enumerate(given):
        row["split"] = ("train", "test")[i % 2]
    for seed in range(8):
        found = clean(given, split_by="group", split_seed=seed)
        assert set(found.reasons.values()) == {"its label has one group"}
        assert sorted(found.reasons) == [28, 29, 30]
        splits = collections.defaultdict(set)
        for row in found.rows:
            splits[row["group"]].add(row["split"])
        assert all(len(names) == 1 for names in splits.values())
        taught = {row["label"] for row in found.rows if row["split"] == "train"}
        assert taught == set("abc")
        assert not any("label that train does not hold" in line for line in found.audit["warnings"])


def test_without_labels_no_row_is_left_out(clean):
    given = [row | {"value": float(i)} for i, row in enumerate(rows())]
    found = clean(given, split_by="group")
    assert len(found.rows) == len(given) and not found.reasons


def test_group_splits_ask_for_groups(clean):
    given = rows()
    given[41]["group"] = None
    found = clean(given, split_by="group")
    [line] = found.said.splitlines()
    assert found.status == 2 and "row 42 (id 'r42'): no group" in line and "group_pattern" in line


def test_full_scale_a_draw_holds_every_label_by_its_share():
    labels = np.array(["a"] * 900 + ["b"] * 90 + ["c"] * 10 + [None], dtype=object)
    found = draws.drawn(labels.tolist(), 100)
    counts = {label: int(found[labels == label].sum()) for label in "abc"}
    assert found.sum() == 100 and found[-1]
    assert counts["b"] == pytest.approx(9, abs=1) and counts["c"] == pytest.approx(1, abs=1)
    assert counts["c"] >= 1
    # One and the same, of places all over the table, and contained in a larger one.
    assert np.array_equal(found, draws.drawn(labels.tolist(), 100))
    assert found[:450].sum() == pytest.approx(45, abs=15)
    assert draws.drawn(labels.tolist(), 300)[found].all()
    # Fewer rows than labels; as many as there are; none.
    assert draws.drawn(list("abcd"), 2).sum() == 2
    assert draws.drawn(list("aab"), 5).all() and draws.drawn(list("aab"), None).all()
    assert len(draws.drawn([], 5)) == 0
