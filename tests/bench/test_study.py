"""The study's configuration plans, its scores are collected, and its tables are made from them."""

import importlib.util
import json

import pandas as pd
import pytest

from bench.study import collect
from seqfuse.plan.run import Run
from seqfuse.settings import configuration
from seqfuse.settings.yaml_files import load_yaml


@pytest.fixture(scope="module")
def tables(root):
    spec = importlib.util.spec_from_file_location("study_tables", root / "docs/study_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_study_is_a_configuration_with_a_scratch_encoder_and_a_scratch_twin(root):
    run = Run(configuration.resolve(load_yaml(root / "bench/study/kegg.yaml")))
    assert run.settings["language"]["encoder"] == "pilot-nt"
    assert run.model_of("onevocab", "backbone") == "smollm2"
    assert run.model_of("onevocab_scratch", "backbone") == "pilot-qwen3"
    given = [run.finetuning("kegg", n) for n in (*run.runs("language"), "onevocab_scratch")]
    assert {(each["steps"], each["batch"]) for each in given} == {(40, 4)}


def write_run(folder):
    """One suite with one method and one control that are scored, and the cost of the method."""
    shared = {"suite": "kegg", "dataset": "kegg", "split": "test", "metric": "accuracy"}
    counted = {"low": 0.1, "high": 0.9, "n": 146, "clusters": 50, "seeds": 1, "kind": "control"}
    scored = [
        shared
        | counted
        | {
            "method": m,
            "probe": p,
            "subset": s,
            "value": v,
            "by_seed": [v],
            "trained_parameters": 7,
            "n": 146 if (s, p) == ("all", "none") else 19,
        }
        for m, p, s, v in (
            ("text_only", "none", "all", 0.5),
            ("text_only", "unaltered", "all", 0.25),
            ("text_only", "blank", "all", 0.3125),
            ("text_only", "none", "sequence_decides", 0.25),
            ("majority", "none", "all", 0.125),
        )
    ]
    for metric, value in (("mcc", 0.75), ("invalid_rate", 0.375), ("likelihood_accuracy", 0.625)):
        scored.append(scored[0] | {"metric": metric, "value": value})
    place = folder / "evaluation/language/kegg"
    place.mkdir(parents=True)
    pd.DataFrame(scored).to_parquet(place / "metrics.parquet")
    found = {"subset": "all", "method": "text_only", "against": "kmer", "probe": "none"}
    found |= {"difference": -0.4, "p_holm": 0.01, "detectable": 0.0625, "verdict": "worse"}
    rows = [shared | counted | found]
    rows.append(rows[0] | {"against": "unaltered", "probe": "blank", "difference": 0.0625, "n": 19})
    pd.DataFrame(rows).to_parquet(place / "comparisons.parquet")
    model = folder / "language/kegg/text_only/model/seed0"
    model.mkdir(parents=True)
    seed = dict.fromkeys(["steps", "tokens", "peak_memory_mb"], 60)
    seed |= {"seed": 0, "learning_rate": 0.0005, "examples": 480, "seconds": 1234.5}
    cost = {"suite": "kegg", "method": "text_only", "seeds": [seed]}
    (model / "cost.json").write_text(json.dumps(cost))


def test_study_scores_become_tables_and_what_has_none_is_not_run(tables, tmp_path):
    write_run(tmp_path / "run")
    out = tmp_path / "csv"
    collect.collect(tmp_path / "run", out)
    page = tables.section(out)
    assert "0.750" not in page
    lines = page.splitlines()
    assert "| *Text only* | 0.500 [0.100, 0.900] | 0.250 [0.100, 0.900] | 7 |" in lines
    assert "| *Text only* | 0.625 [0.100, 0.900] | 0.375 [0.100, 0.900] |" in lines
    probed = "accuracy on 19 rows of 50 clusters, and its change"
    assert f"| {probed} | unaltered | blank |" in lines
    assert "| *Text only* | 0.250 [0.100, 0.900] | 0.062 [0.100, 0.900] |" in lines
    assert "| *Majority class* | 0.125 [0.100, 0.900] | none | 7 |" in lines
    assert (
        "| *Text only* | *Counts of 4-mers* | all | -0.400 [0.100, 0.900] | 0.062 | worse |"
        in lines
    )
    assert "| `kegg`, *Text only* | 0.0005 | 480 | 1234 | 60 |" in lines
    official, _, genes = (line for line in lines if line.startswith("**Not run yet**"))
    assert official.startswith("**Not run yet** on `kegg`: `onevocab`, `linear`")
    assert genes.startswith("**Not run yet** on `kegg_genes`: `text_only`, `onevocab`")


def test_study_pairs_a_method_with_its_twin_and_with_its_answers_where_names_are_removed(
    tables, tmp_path
):
    run, out = tmp_path / "run", tmp_path / "csv"
    write_run(run)
    ids = [f"test-{number}" for number in range(40)]
    decided = ["sequence_decides"] * 10 + ["question_decides"] * 30
    labels = ["a", "c"] * 20
    gold = pd.DataFrame({"id": ids, "split": "test", "label": labels, "subset": decided})
    clusters = pd.DataFrame({"id": ids, "cluster": range(40)})
    right = {
        ("kegg", "text_only"): 40,
        ("kegg", "text_only_scratch"): 10,
        ("kegg_anonymous", "text_only"): 20,
    }
    for (suite, method), number in right.items():
        records = run / "sequences" / suite.replace("_", "-")
        records.mkdir(parents=True, exist_ok=True)
        gold.to_parquet(records / "records.parquet")
        clusters.to_parquet(records / "clusters.parquet")
        answers = gold.assign(dataset=suite.replace("_", "-"), seed=0)
        # The last ones are wrong: half of them another label, half of them none.
        wrong = ["b", None] * 20
        answers["predicted"] = labels[:number] + wrong[number:]
        answers = answers.sample(frac=1, random_state=number)
        place = run / "language" / suite / method
        place.mkdir(parents=True, exist_ok=True)
        answers.to_parquet(place / "predictions.parquet")
    collect.collect(run, out)
    found = pd.read_csv(out / "pairs.csv").set_index(["against_suite", "against", "subset"])
    assert dict(found["difference"].round(4)) == {
        ("kegg", "text_only_scratch", "all"): 0.75,
        ("kegg", "text_only_scratch", "question_decides"): 1.0,
        ("kegg", "text_only_scratch", "sequence_decides"): 0.0,
        ("kegg_anonymous", "text_only", "all"): 0.5,
        ("kegg_anonymous", "text_only", "question_decides"): 0.6667,
        ("kegg_anonymous", "text_only", "sequence_decides"): 0.0,
    }
    assert set(found["n"]) == {10, 30, 40}
    assert not found["verdict"].str.contains("Holm").any()
    lines = tables.section(out).splitlines()
    assert [line for line in lines if line.startswith("| `kegg`, *Text only* | all | 40 | 0.750 [")]
    assert [line for line in lines if line.startswith("| *Text only* | all | 40 | 0.500 [")]


def test_study_without_scores_is_not_collected(tmp_path):
    with pytest.raises(SystemExit, match="nothing has been scored"):
        collect.collect(tmp_path, tmp_path / "csv")
