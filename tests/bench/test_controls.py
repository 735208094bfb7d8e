"""What the controls of a run scored is collected for docs/results.md."""

import numpy as np
import pandas as pd
import pytest

from bench import controls


def write(table: list[dict] | pd.DataFrame, path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(table).to_parquet(path)


def test_headline_scores_of_controls_on_test(tmp_path):
    row = {"study": "codons", "suite": "s", "split": "test", "subset": "all", "method": "kmer"}
    row |= {"metric": "spearman", "kind": "control", "value": 0.5, "low": 0.4, "high": 0.6}
    row |= {"n": 9, "clusters": 8}
    others = [{"metric": "r2"}, {"kind": "method"}, {"split": "val"}, {"subset": "other"}]
    rows = [row, *(row | other for other in others)]
    write(rows, tmp_path / "evaluation" / "codons" / "s" / "metrics.parquet")
    assert controls.scores(tmp_path).to_dict("records") == [
        {name: row[name] for name in controls.COLUMNS}
    ]


def test_structure_is_compared_row_by_row_with_boosting(tmp_path):
    ids, value = [f"r{i}" for i in range(30)], np.arange(30.0)
    noise = np.random.default_rng(0).normal(scale=20, size=30)
    records = pd.DataFrame({"id": ids, "split": "test", "value": value})
    write(records, tmp_path / "sequences" / "s" / "records.parquet")
    seen = ["unseen"] * 20 + ["seen_nearly"] * 10
    write(
        {"id": ids, "cluster": ids, "seen": seen}, tmp_path / "sequences" / "s" / "clusters.parquet"
    )
    said = [
        {"id": name, "method": method, "predicted_value": number}
        for method, numbers in {"structure": value, "boosting": value + noise}.items()
        for name, number in zip(ids, numbers, strict=True)
    ]
    write(said, tmp_path / "controls" / "codons" / "s" / "predictions.parquet")
    found = controls.structure(tmp_path).set_index("subset")
    assert found["n"].to_dict() == {"all": 30, "unseen": 20, "seen_nearly": 10}
    rho = records.assign(said=value + noise)[["value", "said"]].corr("spearman").iloc[0, 1]
    assert found.loc["all", "difference"] == pytest.approx(1 - rho)
    assert found.loc["all", "low"] < 1 - rho < found.loc["all", "high"]
