"""What changed between two runs: settings, what one of them lacks, and scores on the same rows."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest

import seqfuse
from seqfuse import tables
from seqfuse.cli import main
from seqfuse.evaluation.paired_runs import COLUMNS, IDENTICAL, UNPAIRED, unpaired
from seqfuse.plan.tools.diff import settings
from tests.plan.finished_run import NAME, finish, write


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, the same run that knows more, and one of fewer rows without an arm."""
    root = tmp_path_factory.mktemp("runs")
    trained = {"codons": {"datasets": [NAME], "arms": ["dna", "concat"], "training": {"batch": 8}}}
    return (
        finish(root / "before"),
        finish(root / "after", right=0.9, **trained),
        finish(root / "fewer", arms=("dna",), rows=60),
        finish(root / "others", data=1),
    )


def compared(capsys, *runs) -> dict:
    assert main(["diff", *map(str, runs), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def by_method(found: dict, subset: str = "all") -> dict:
    return {row["method"]: row for row in found["scores"] if row["subset"] == subset}


def test_a_run_is_the_same_as_itself(runs, capsys):
    found = compared(capsys, runs[0], runs[0])
    assert found["settings"] == found["only"] == []
    assert {row["verdict"] for row in found["scores"]} == {IDENTICAL}
    assert all(row["difference"] == 0 and row["low"] is None for row in found["scores"])


def test_a_score_that_rose_is_found_on_the_rows_that_both_have(runs, capsys):
    before, after = runs[:2]
    found = compared(capsys, before, after)
    assert found["settings"] == [
        {"key": "codons.training.batch", "one": 16, "other": 8},
    ]
    row = by_method(found)["dna"]
    # By hand: the mean over seeds of the share of right rows, in each run.
    shares = []
    for run in (before, after):
        records = pd.read_parquet(run / "sequences" / NAME / "records.parquet")
        said = pd.read_parquet(run / "codons" / NAME / "dna" / "predictions.parquet")
        right = said["id"].map(records.set_index("id")["label"]) == said["predicted"]
        shares.append(right.groupby(said["seed"]).mean().mean())
    assert np.allclose([row["value_one"], row["value_other"]], shares)
    assert np.isclose(row["difference"], shares[1] - shares[0])
    assert row["low"] < row["difference"] < row["high"] and row["verdict"] == "better"
    assert (row["n"], row["n_one"], row["n_other"], row["seeds_one"]) == (40, 40, 40, 2)


def test_rows_that_one_run_lacks_are_left_out_of_both_scores(runs, capsys):
    found = compared(capsys, runs[0], runs[2])
    row = by_method(found)["dna"]
    assert (row["n"], row["n_one"], row["n_other"]) == (30, 40, 30)
    assert {"side": "one", "kind": "method", "suite": NAME, "name": "concat"} in found["only"]
    assert [only["side"] for only in found["only"]] == ["one"]
    assert main(["diff", str(runs[0]), str(runs[2])]) == 0
    printed = capsys.readouterr().out
    assert "n = 30 of 40 and 30" in printed and f"suite {NAME}, method Concatenation" in printed


def test_other_rows_are_not_paired_and_it_says_so(runs, capsys):
    row = by_method(compared(capsys, runs[0], runs[3]))["dna"]
    assert (row["verdict"], row["n"], row["difference"]) == (UNPAIRED, 0, None)
    reported = seqfuse.scores(runs[3]).query("method == 'dna' and metric == 'accuracy'")
    assert (
        row["value_other"] == reported.query("subset == 'all' and split == 'test'")["value"].item()
    )
    assert main(["diff", str(runs[0]), str(runs[3])]) == 0
    assert UNPAIRED in capsys.readouterr().out


def test_means_over_other_sets_do_not_stand_beside_each_other():
    def reported(*datasets):
        places = ("study", "suite", "subset", "method", "metric")
        scores = {"n": 9, "value": 0.5, "low": 0.4, "high": 0.6, "seeds": 1}
        return [dict.fromkeys(places, "x") | scores | {"dataset": name} for name in datasets]

    def shown(one, other, paired=()):
        return [row["dataset"] for row in unpaired(reported(*one), reported(*other), set(paired))]

    assert shown(["a", "b", "mean"], ["a", "b", "mean"]) == ["a", "b", "mean"]
    assert shown(["a", "b", "mean"], ["a", "c", "mean"]) == ["a"]
    assert shown(["a", "b", "mean"], ["a", "b", "mean"], ["a"]) == ["b"]


def test_the_same_id_with_other_dna_or_another_label_is_no_common_row(runs, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    path = copy / "sequences" / NAME / "records.parquet"
    rows = tables.read(path, tables.CLEAN).to_pylist()
    rows[1]["sequence"] = "A" * 30
    rows[3]["label"] = "b" if rows[3]["label"] != "b" else "c"
    write(path, rows, tables.CLEAN)
    assert by_method(compared(capsys, runs[0], copy))["dna"]["n"] == 38


def test_the_table_has_every_column_and_exact_numbers(runs, tmp_path, capsys):
    assert main(["diff", str(runs[0]), str(runs[1]), "--out", str(tmp_path / "d.csv")]) == 0
    capsys.readouterr()
    with (tmp_path / "d.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    exact = by_method(compared(capsys, runs[0], runs[1]))["dna"]["difference"]
    assert float(next(r for r in rows if r["method"] == "dna")["difference"]) == exact


def test_from_python_it_is_a_data_frame_of_the_same_rows(runs, capsys):
    before, after = runs[:2]
    frame, printed = seqfuse.diff(before, after), compared(capsys, before, after)
    assert tuple(frame.columns) == COLUMNS and len(frame) == len(printed["scores"])
    row, same = frame.iloc[0], printed["scores"][0]
    for column in ("method", "n", "value_one", "value_other", "difference", "low", "verdict"):
        assert row[column] == same[column]
    assert frame.attrs == {key: printed[key] for key in ("settings", "only")}
    assert printed["confidence"] == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("lost", "complaint"),
    [
        ("report", "no finished run (no report/settings.json)"),
        (f"evaluation/codons/{NAME}/metrics.parquet", "has not finished; finish it"),
        (f"codons/{NAME}/dna/predictions.parquet", "has not finished; finish it"),
    ],
)
def test_a_run_that_is_not_there_or_not_finished_is_one_line(
    lost, complaint, runs, tmp_path, capsys
):
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    shutil.rmtree(copy / lost) if (copy / lost).is_dir() else (copy / lost).unlink()
    assert main(["diff", str(runs[0]), str(copy)]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1


def test_settings_that_one_run_lacks_are_named():
    assert settings({"a": {"b": 1, "c": [1]}, "d": {}}, {"a": {"b": 2, "c": [1], "e": 0}}) == [
        {"key": "a.b", "one": 1, "other": 2},
        {"key": "a.e", "one": None, "other": 0},
        {"key": "d", "one": {}, "other": None},
    ]
