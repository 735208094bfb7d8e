"""The composition control on the real sets, where a folder of them is given."""

import json

import pytest
from scipy.stats import spearmanr

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.settings import paths
from seqfuse.settings.yaml_files import load_yaml


@pytest.mark.parametrize("name", ["cov-vac", "mrfp"])
def test_composition_and_place_reach_080(name, mirror, tmp_path):
    """What every fusion of these sets must beat: Spearman 0.80 on both official test splits."""
    entry = load_yaml(paths.RESOURCES / "datasets.yaml")[name]
    records, out = str(tmp_path / "records.parquet"), tmp_path / "out"
    assert not main(["data", "records", "--name", name, "--entry", json.dumps(entry), "--mirror",
                     mirror, "--out", records, "--card", str(tmp_path / "card.json")])  # fmt: skip
    assert not main(["sequences", "--records", records, "--study", "codons", "--out", str(out)])
    files = ["--records", str(out / "records.parquet"), "--frames", str(out / "frames.parquet")]
    said = tmp_path / "predictions.parquet"
    assert not main(["controls", "codons", "--dataset", name, *files, "--out", str(said)])
    clean = tables.read(out / "records.parquet", tables.CLEAN).to_pylist()
    truth = {row["id"]: row["value"] for row in clean if row["split"] == "test"}
    rows = tables.read(said, tables.PREDICTIONS).to_pylist()
    found = {r["id"]: r["predicted_value"] for r in rows if r["method"] == "boosting"}
    assert spearmanr([truth[i] for i in truth], [found[i] for i in truth])[0] > 0.80
