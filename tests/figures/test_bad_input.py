"""A mistake in what a figure is made from is one line and exit status 2, and leaves no file."""

import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.cli import main


def complaint(capsys, status: int) -> str:
    assert status == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said
    return said


def test_a_missing_kind_of_file_is_named(capsys, tmp_path, results):
    metrics = next(results.glob("evaluation/language/*/metrics.parquet"))
    words = ["figures", "--figure", "methods", "--metrics", str(metrics)]
    status = main([*words, "--out", str(tmp_path / "a")])
    assert "--comparisons" in complaint(capsys, status)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named(capsys, tmp_path, draw):
    status = draw("methods", tmp_path / "a", metrics=[tmp_path / "absent.parquet"])
    assert "absent.parquet: no such file" in complaint(capsys, status)


@pytest.mark.parametrize("name", ["methods", "judge", "umap", "weights", "truth"])
def test_a_foreign_table_is_named_with_its_missing_column(capsys, tmp_path, draw, name):
    need = {"methods": "metrics", "judge": "verdicts", "umap": "vectors", "truth": "controls"}
    path = tmp_path / "foreign.parquet"
    pd.DataFrame({"fruit": ["pear"]}).to_parquet(path)
    status = draw(name, tmp_path / "a", **{need.get(name, name): [path]})
    said = complaint(capsys, status)
    assert "foreign.parquet: column" in said and "fruit" in said


def test_a_cut_table_is_named(capsys, tmp_path, draw, results):
    whole = next(results.glob("evaluation/language/*/metrics.parquet")).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:200])
    status = draw("methods", tmp_path / "a", metrics=[tmp_path / "cut.parquet"])
    assert "cut.parquet: not a readable Parquet file" in complaint(capsys, status)


def test_a_cut_log_is_named_with_its_line(capsys, tmp_path, draw):
    (tmp_path / "log.jsonl").write_text('{"seed": 0, "step": 1, "loss": 2.0}\n{"seed": 0, "st')
    status = draw("training", tmp_path / "a", logs=[tmp_path / "log.jsonl"])
    assert "log.jsonl: line 2 is not valid JSON" in complaint(capsys, status)


@pytest.mark.parametrize("content", ["{}", "[]", '{"method": 1'])
def test_another_json_file_is_no_cost(capsys, tmp_path, draw, content):
    (tmp_path / "cost.json").write_text(content)
    status = draw("cost", tmp_path / "a", costs=[tmp_path / "cost.json"])
    assert "cost.json: " in complaint(capsys, status)


def test_a_log_without_its_cost_is_named(capsys, tmp_path, draw):
    (tmp_path / "log.jsonl").write_text('{"seed": 0, "step": 1, "loss": 2.0}\n')
    status = draw("training", tmp_path / "a", logs=[tmp_path / "log.jsonl"])
    assert "log.jsonl" in complaint(capsys, status)


@pytest.mark.parametrize(
    ("name", "need", "schema"),
    [
        ("methods", "metrics", tables.METRICS),
        ("verdict", "metrics", tables.METRICS),
        ("tasks", "metrics", tables.METRICS),
        ("fusion", "metrics", tables.METRICS),
        ("cost", "metrics", tables.METRICS),
        ("judge", "verdicts", tables.VERDICTS),
        ("means", "metrics", tables.METRICS),
        ("table1", "metrics", tables.METRICS),
        ("case", "verdicts", tables.VERDICTS),
        ("umap", "vectors", tables.VECTORS),
        ("weights", "weights", tables.WEIGHTS),
    ],
)
def test_a_table_without_rows_is_a_picture_that_says_so(tmp_path, draw, name, need, schema):
    tables.write(tmp_path / "empty.parquet", tables.from_rows([], schema), schema)
    assert draw(name, tmp_path / "a", **{need: [tmp_path / "empty.parquet"]}) == 0
    assert "Nothing to show in this run." in (tmp_path / "a.md").read_text()
    assert (tmp_path / "a.svg").stat().st_size > 0


def test_classes_alone_leave_the_regression_figure_empty(tmp_path, draw, results):
    folders = ("codons", "controls/codons", "sequences")
    found = [sorted(results.glob(f"{f}/demo-classes/**/*.parquet")) for f in folders]
    predictions, controls, records = found
    records = [path for path in records if path.name == "records.parquet"]
    predictions = [path for path in predictions if path.name == "predictions.parquet"]
    files = {"predictions": predictions, "controls": controls, "records": records}
    assert draw("truth", tmp_path / "a", **files) == 0
    assert "Nothing to show in this run." in (tmp_path / "a.md").read_text()
