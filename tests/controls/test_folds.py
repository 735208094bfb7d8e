"""Folds: whole DNA pairs, every row held out once a repeat, and a majority that is not held out."""

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.controls.labels.grouped_folds import deal
from seqfuse.sequences import clusters

BASES = np.array(list("ACGT"))


def test_a_deal_keeps_pairs_together_and_folds_of_one_size():
    pairs = [("A", str(i // 3)) for i in range(60)] + [("C", str(i)) for i in range(15)]
    fold = deal(pairs, 5, 0)
    assert set(Counter(fold.tolist()).values()) == {15}
    of_pair = defaultdict(set)
    for pair, number in zip(pairs, fold, strict=True):
        of_pair[pair].add(number)
    assert all(len(numbers) == 1 for numbers in of_pair.values())
    assert (deal(pairs, 5, 0) == fold).all() and (deal(pairs, 5, 1) != fold).any()


@pytest.fixture
def rows() -> list[dict]:
    """30 pairs, each there twice with one label, under one question; the variant's last base
    decides. Ten more rows have a question of their own."""
    random, found = np.random.default_rng(0), []
    for i in range(60):
        pair = i // 2
        reference = "".join(np.random.default_rng(pair).choice(BASES, 20)) + "A"
        variant = reference[:-1] + ("G" if pair % 3 else "T")
        row = {"sequence": reference, "variant": variant, "label": "most" if pair % 3 else "few"}
        row |= {"split": random.choice(["train", "val", "test"]), "question": "q"}
        found.append(row | {"subset": "sequence_decides", "group": f"g{i % 3}"})
    for i in range(10):
        row = {"sequence": "A" * (i + 5), "variant": "C", "label": "most", "question": f"own {i}"}
        found.append(row | {"split": "train", "subset": "question_decides"})
    return [{"id": f"r{i}"} | row for i, row in enumerate(found)]


def folded(folder, rows: list[dict], *extra: str) -> tuple[int, list[dict]]:
    path, out = folder / "records.parquet", folder / "folds.parquet"
    tables.write(path, tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
    words = ["controls", "folds", "--datasets", "d", "--records", str(path), "--out", str(out)]
    status = main([*words, "--repeats", "2", *extra])
    return status, tables.read(out, tables.PREDICTIONS).to_pylist() if not status else []


def test_every_row_is_predicted_once_a_repeat_from_other_pairs(tmp_path, rows):
    status, found = folded(tmp_path, rows)
    assert status == 0
    asked = {row["id"] for row in rows if row["subset"] == "sequence_decides"}
    said = defaultdict(list)
    for row in found:
        said[row["method"], row["seed"]].append(row)
    assert {seed for method, seed in said if method == "kmer"} == {0, 1}
    for part in said.values():
        assert sorted(row["id"] for row in part) == sorted(asked)
    gold = {row["id"]: row["label"] for row in rows}
    right = {
        key: sum(row["predicted"] == gold[row["id"]] for row in part) for key, part in said.items()
    }
    # No pair is in two folds, so a look-up of pairs knows none and says the commonest label; so
    # does the one of the only question. What the variant changes tells nearly all.
    for repeat in (0, 1):
        assert right["pair_lookup", repeat] == right["question_lookup", repeat] == 40
        assert right["composition", repeat] >= 55
    assert right["question_majority", 0] == 40


def test_folds_are_a_split_of_the_evaluation(tmp_path, rows):
    assert folded(tmp_path, rows)[0] == 0
    records = str(tmp_path / "records.parquet")
    words = ["--datasets", "d", "--records", records]
    predictions = str(tmp_path / "predictions.parquet")
    assert main(["controls", "language", "--suite", "s", *words, "--out", predictions]) == 0
    folds = ["--predictions", predictions, "--folds", str(tmp_path / "folds.parquet")]
    clusters.write(tmp_path / "records.parquet", tmp_path / "clusters.parquet")
    folds += ["--clusters", str(tmp_path / "clusters.parquet")]
    out = ["--out", str(tmp_path / "out")]
    assert main(["evaluation", "--study", "language", "--suite", "s", *words, *folds, *out]) == 0
    frame = pd.read_parquet(tmp_path / "out" / "metrics.parquet")
    frame = frame[(frame["split"] == "folds") & (frame["metric"] == "accuracy")]
    frame = frame.set_index("method")
    assert frame.loc["question_majority", "value"] == pytest.approx(40 / 60)
    assert frame.loc["composition", "value"] > 0.9
    row = frame.loc["kmer"]
    assert (row["subset"], row["kind"], row["n"], row["seeds"]) == (
        "sequence_decides", "control", 60, 2,
    )  # fmt: skip


def test_a_set_of_one_question_has_no_folds(tmp_path, rows):
    status, found = folded(tmp_path, rows[:60])
    assert (status, found) == (0, [])


@pytest.mark.parametrize(
    ("extra", "words"),
    [(["--folds", "31"], "30 DNA pairs"), (["--folds", "2"], "give 3 or more")],
)
def test_folds_that_cannot_be_dealt_are_refused(tmp_path, capsys, rows, extra, words):
    assert folded(tmp_path, rows, *extra)[0] == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(error) == 1 and words in error[0]


def test_folds_without_a_row_are_refused(tmp_path, capsys, rows):
    assert folded(tmp_path, rows)[0] == 0
    path, records = tmp_path / "folds.parquet", str(tmp_path / "records.parquet")
    table = tables.read(path, tables.PREDICTIONS)
    tables.write(path, table.slice(1), tables.PREDICTIONS)
    words = ["--datasets", "d", "--records", records]
    predictions = str(tmp_path / "predictions.parquet")
    assert main(["controls", "language", "--suite", "s", *words, "--out", predictions]) == 0
    words += ["--predictions", predictions, "--folds", str(path), "--out", str(tmp_path / "out")]
    clusters.write(tmp_path / "records.parquet", tmp_path / "clusters.parquet")
    words += ["--clusters", str(tmp_path / "clusters.parquet")]
    assert main(["evaluation", "--study", "language", "--suite", "s", *words]) == 2
    assert "1 folds records have no prediction" in capsys.readouterr().err
