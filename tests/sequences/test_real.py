"""The real files, where a folder of them is given: the numbers that are known of them."""

import json

import pytest

from seqfuse.cli import main
from seqfuse.files import read_json
from seqfuse.settings import cli_flags, paths, schema
from seqfuse.settings.datasets import cleaning
from seqfuse.settings.yaml_files import load_yaml


@pytest.fixture
def audited(mirror, tmp_path):
    """name -> audit of a real data set, cleaned as its catalogue entry says."""

    def run(name: str) -> dict:
        entry = load_yaml(paths.RESOURCES / "datasets.yaml")[name]
        settings = cleaning(entry, schema.defaults(schema.schema())["sequences"])
        records = str(tmp_path / "records.parquet")
        expected = [f"{split}={rows}" for split, rows in entry.get("rows", {}).items()]
        flags = cli_flags.flags(settings | {"expected": expected}).split()
        assert not main(["data", "records", "--name", name, "--entry", json.dumps(entry),
                         "--mirror", mirror, "--out", records,
                         "--card", str(tmp_path / "card.json")])  # fmt: skip
        assert not main(["sequences", "--records", records, "--study", entry["study"],
                         "--out", str(tmp_path / "out"), *flags])  # fmt: skip
        return read_json(tmp_path / "out" / "audit.json")

    return run


def test_kegg(audited):
    found = audited("kegg")
    assert found["splits"] == {"train": 1159, "val": 144, "test": 146}
    assert found["classes"] == 37 and found["rows"]["rejected"] == 0 and found["cut"] == 0
    scores = {s: found["lookups"][s] for s in ("val", "test")}
    right = {s: {k: v["right"] for k, v in scores[s].items()} for s in scores}
    assert right["val"] == {"question": 142, "dna": 88, "majority": 22}
    assert right["test"] == {"question": 139, "dna": 88, "majority": 18}
    dna = found["duplicates"]["dna"]
    assert dna["distinct"] == 708
    assert {s: seen["rows"] for s, seen in dna["seen_in_train"].items()} == {"val": 92, "test": 94}
    agreement = found["duplicates"]["agreement"]
    assert agreement["with_several_labels"] == 31 and round(agreement["ceiling_of_dna"], 3) == 0.977


def test_cov_vac_is_not_coding(audited):
    found = audited("cov-vac")
    assert found["splits"] == {"train": 1600, "val": 400, "test": 400}
    assert not found["coding"]["is_coding"]
    assert round(found["coding"]["share_start"], 3) == 0.016
    assert round(found["coding"]["share_internal_stop"], 2) == 0.62
    assert "not coding sequences" in found["warnings"][0]


def test_mrfp_is_coding(audited):
    found = audited("mrfp")
    assert found["splits"] == {"train": 1021, "val": 219, "test": 219}
    assert found["coding"]["is_coding"] and found["cut"] == 0 and found["warnings"] == []


@pytest.mark.parametrize(
    ("name", "kept", "classes", "question"),
    [("kegg-pairs", 1449, 37, 145), ("kegg-genes", 1142, 16, 6), ("kegg-networks", 1332, 24, 24)],
)
def test_kegg_kept_apart(audited, name, kept, classes, question):
    found = audited(name)
    assert (found["rows"]["kept"], found["classes"]) == (kept, classes)
    assert found["lookups"]["test"]["question"]["right"] == question
    if name != "kegg-networks":  # two pathways may hold one gene
        assert found["duplicates"]["dna"]["seen_in_train"]["test"]["rows"] == 0


def test_kegg_without_names_leaves_nothing_to_look_up_but_the_dna(audited):
    scores = audited("kegg-anonymous")["lookups"]["test"]
    right = {name: score["right"] for name, score in scores.items()}
    assert right == {"question": 18, "majority": 18, "dna": 88}
