"""Conflicts: which DNA stands with which question, and what a trained method is asked."""

import numpy as np
import pytest

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.language.probing.conflicts import conflicts, matched, sample

Q, S = "question_decides", "sequence_decides"


def record(name, label, question, sequence, split="test", subset=Q):
    row = {"id": name, "label": label, "question": question, "sequence": sequence}
    return row | {"variant": None, "split": split, "subset": subset}


def pairs(found):
    return {(question["id"], giver["id"]) for question, giver in found}


def test_lengths_are_as_near_as_other_labels_allow():
    rows = [
        record("a", "x", "1", "ACGT"),
        record("b", "y", "2", "ACGTA"),
        record("c", "x", "3", "ACGTACGTAC"),
        record("d", "y", "4", "ACGTACGTACG"),
    ]
    assert pairs(matched(rows)) == {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")}


def test_a_dna_stands_in_one_pair_and_what_has_no_other_is_left_out():
    rows = [record(f"r{i}", "x", str(i), "A" * (i + 1)) for i in range(3)]
    rows.append(record("y", "y", "other", "ACCC"))
    found = matched(rows)
    # One record of the other label: its DNA goes to one of three questions, and it gets one.
    assert len(found) == 2
    assert [q["id"] for q, g in found if g["id"] == "y"] == ["r2"]
    # The same question, or the same DNA, contradicts nothing.
    assert matched([record("a", "x", "1", "A"), record("b", "y", "1", "C")]) == []
    assert matched([record("a", "x", "1", "A"), record("b", "y", "2", "A")]) == []


def test_a_question_that_decides_gets_dna_that_decides():
    rows = [record(f"q{i}", "xy"[i % 2], f"gene {i}", "ACGT"[i] * 9) for i in range(4)]
    rows += [record(f"s{i}", "xy"[i % 2], "?", "ACGT"[i] * 8 + "T", subset=S) for i in range(3)]
    rows.append(record("s3", "y", "?", "TTTTTTTTA", subset=S))
    assert {(q[0], g[0]) for q, g in pairs(matched(rows))} == {("q", "s"), ("s", "q")}


def test_a_sample_has_as_many_of_either_half():
    rows = [record(f"r{i}", "x", "?", "A", subset=Q if i < 3 else S) for i in range(20)]
    assert [r["subset"] for r in sample("set", rows, 4)] == [Q, Q, S, S]
    assert [r["subset"] for r in sample("set", rows, 10)] == [Q] * 3 + [S] * 7
    assert sample("set", rows, 99) == rows


def test_pairs_are_of_one_split_and_of_another_label():
    rng = np.random.default_rng(0)
    rows = [
        record(f"r{i}", "xyz"[i % 3], f"gene {i}", "".join(rng.choice(list("ACGT"), 9 + i % 4)),
               split=("train", "val", "test")[i // 3 % 3])
        for i in range(90)
    ]  # fmt: skip
    found = conflicts("set", rows, 20)
    assert len(found) == 40
    for question, giver in found:
        assert question["split"] == giver["split"] != "train"
        assert question["label"] != giver["label"]
    assert found == conflicts("set", rows, 20)


def test_a_set_without_a_conflict(capsys):
    rows = [record("a", "x", "?", "A"), record("b", "y", "?", "C")]
    assert conflicts("set", rows, 9) == []
    assert "all records share one question" in capsys.readouterr().err
    one = [record("a", "x", "1", "A"), record("b", "x", "2", "C")]
    with pytest.raises(UserError, match="all have the label 'x'.*conflict_rows: 0"):
        conflicts("set", one, 9)


def test_every_seed_is_asked_about_the_same_conflicts(project, commands, tmp_path):
    model = commands.finetune("onevocab", tmp_path / "model")
    out, table = tmp_path / "probes.parquet", tmp_path / "conflicts.parquet"
    more = ("--probes", "swap", "--conflicts", table, "--conflict-rows", 4)
    commands.probe(model, out, *more)
    found = tables.read(table, tables.CONFLICTS).to_pylist()
    half = len(found) // 2
    assert half > 4
    assert {row["probe"] for row in found} == {"conflict"}
    keys = ("dataset", "id", "dna_of", "prompt_hash")
    first, second = ([[r[k] for k in keys] for r in rows] for rows in (found[:half], found[half:]))
    assert first == second
    assert {row["seed"] for row in found[:half]} == {0}
    rows = {
        (name, r["id"]): r
        for name in ("mice", "rats")
        for r in tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist()
    }
    for row in found:
        own, other = rows[row["dataset"], row["id"]], rows[row["dataset"], row["dna_of"]]
        assert own["label"] != other["label"] and own["split"] == other["split"]
    # The other table asks what it asks without.
    plain = commands.probe(model, tmp_path / "plain.parquet", "--probes", "swap")
    asked = [
        [[row[k] for k in ("id", "probe", "prompt_hash", "predicted")] for row in rows.to_pylist()]
        for rows in (tables.read(path, tables.PREDICTIONS) for path in (plain, out))
    ]
    assert asked[0] == asked[1]
