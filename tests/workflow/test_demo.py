"""The demo end to end: what it leaves, what re-runs, and whether it found what was planted."""

import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.registry.figures import FIGURES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def results(demo):
    return demo.root / "results" / "demo"


@pytest.fixture(scope="session")
def variants(results):
    """Test metrics of the variant set, by method, subset and metric."""
    frame = pd.read_parquet(results / "evaluation" / "language" / "variants" / "metrics.parquet")
    frame = frame[(frame.split == "test") & (frame.probe == "none")]
    return frame.set_index(["method", "subset", "metric"]).sort_index()


def test_it_ends_in_a_report_with_every_figure(results):
    page = (results / "report" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
    drawn = [name for name, at in FIGURES.items() if not (at.ablations or at.probes)]
    for name in drawn:
        for suffix in (".svg", ".png", ".csv", ".md"):
            assert (results / "figures" / f"{name}{suffix}").stat().st_size > 0, name + suffix


def test_the_blocks_of_the_api_page_run(demo, root, monkeypatch):
    monkeypatch.chdir(demo.root)
    blocks = re.findall(r"```python\n(.*?)```", (root / "docs" / "api.md").read_text(), re.DOTALL)
    assert len(blocks) >= 7
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), {})


def test_every_table_has_its_schema(results):
    schemas = {
        "data/*/records.parquet": tables.RECORDS,
        "sequences/*/records.parquet": tables.CLEAN,
        "sequences/*/rejects.parquet": tables.REJECTS,
        "sequences/*/frames.parquet": tables.FRAMES,
        "language/*/*/predictions.parquet": tables.PREDICTIONS,
        "codons/*/*/predictions.parquet": tables.PREDICTIONS,
        "codons/*/interpretation/knockout.parquet": tables.KNOCK_OUTS,
        "codons/*/interpretation/mutagenesis.parquet": tables.MUTANTS,
        "codons/*/interpretation/codons.parquet": tables.CODON_USAGE,
        "codons/*/interpretation/attention.parquet": tables.ATTENTION,
        "codons/*/interpretation/fused.parquet": tables.FUSED,
        "controls/*/*/predictions.parquet": tables.PREDICTIONS,
        "evaluation/*/*/metrics.parquet": tables.METRICS,
        "evaluation/*/*/comparisons.parquet": tables.COMPARISONS,
        "evaluation/*/*/calibration.parquet": tables.CALIBRATION,
        "judge/*/*.parquet": tables.VERDICTS,
    }
    for pattern, schema in schemas.items():
        files = list(results.glob(pattern))
        assert files, pattern
        for file in files:
            tables.read(file, schema)


def test_own_data_an_arms_card_has_the_score_of_the_evaluation(results):
    for path in results.glob("codons/*/*/arm.json"):
        dataset, arm = path.parent.parent.name, path.parent.name
        metrics = pd.read_parquet(results / "evaluation" / "codons" / dataset / "metrics.parquet")
        found = json.loads(path.read_text())["score"]
        [row] = metrics[(metrics.method == arm) & (metrics.metric == found["metric"])
                        & (metrics.split == "test") & (metrics.subset == "all")
                        & (metrics.probe == "none")].to_dict("records")  # fmt: skip
        assert [found[key] for key in ("value", "low", "high")] == [
            row[key] for key in ("value", "low", "high")
        ]
        assert f"{row['value']:.3f}" in (path.parent / "README.md").read_text()


def test_own_data_every_file_can_be_read_by_the_group(results):
    files = [path for path in results.rglob("*") if path.is_file()]
    private = [path for path in files if not path.stat().st_mode & 0o040]
    assert files and not private


def test_what_was_read_is_kept_or_rejected(results):
    for folder in (results / "sequences").iterdir():
        read = tables.read(results / "data" / folder.name / "records.parquet", tables.RECORDS)
        kept = tables.read(folder / "records.parquet", tables.CLEAN)
        rejected = tables.read(folder / "rejects.parquet", tables.REJECTS)
        assert kept.num_rows + rejected.num_rows == read.num_rows


def test_the_question_gives_half_of_the_answers_away(variants):
    for method in ("text_only", "question_lookup"):
        assert variants.loc[(method, "question_decides", "accuracy"), "value"] > 0.9


def test_nothing_but_the_sequence_decides_the_other_half(variants):
    chance = 0.25
    for method in ("text_only", "question_lookup", "majority", "reference_only"):
        row = variants.loc[(method, "sequence_decides", "accuracy")]
        assert row["n"] >= 400
        assert row["high"] < chance + 0.10, method


def test_a_method_reads_the_variant_and_composition_does_not(variants):
    half = variants.xs(("sequence_decides", "accuracy"), level=("subset", "metric"))
    best = half[half.kind == "method"].sort_values("value").iloc[-1]
    assert best["value"] > 0.9
    assert half.loc["composition", "value"] < best["low"]


def test_without_its_own_dna_the_reader_answers_like_text_alone(results):
    frame = pd.read_parquet(results / "evaluation" / "language" / "variants" / "metrics.parquet")
    frame = frame[(frame.subset == "sequence_decides") & (frame.metric == "accuracy")]
    frame = frame[frame.split == "test"].set_index(["method", "probe"]).sort_index()
    unaltered = frame.xs("unaltered", level="probe")
    best = unaltered.loc[frame.xs("scramble", level="probe").index].value.idxmax()
    for probe in ("scramble", "other"):
        row = frame.loc[(best, probe)]
        assert row["low"] < unaltered.loc["text_only", "high"], probe
        assert row["high"] < unaltered.loc[best, "low"], probe


def test_no_dna_pair_of_the_test_split_is_in_train(results):
    records = pd.read_parquet(results / "sequences" / "demo-variants" / "records.parquet")
    of = records.groupby("split")[["sequence", "variant"]].agg(list)
    pairs = {split: set(zip(*row, strict=True)) for split, row in of.iterrows()}
    assert len(pairs["test"]) == 800
    assert not pairs["test"] & (pairs["train"] | pairs["val"])


def test_a_finished_demo_has_nothing_to_do(demo):
    assert "Nothing to be done" in demo.snakemake("--config", "preset=demo").stdout


def test_the_same_inputs_give_the_same_bytes(demo, results, tmp_path):
    made = [
        "codons/demo-classes/mil/predictions.parquet",
        "language/variants/onevocab/predictions.parquet",
        "evaluation/codons/demo-classes/metrics.parquet",
    ]
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-r", demo.root, copied], check=True)
    for lost in ("state", "codons/demo-classes/mil", "language/variants/onevocab/model/seed0"):
        shutil.rmtree(copied / "results" / "demo" / lost)
    for file in made:
        (copied / "results" / "demo" / file).unlink(missing_ok=True)
    targets = [f"results/demo/{file}" for file in made]
    replace(demo, root=copied).snakemake(
        "--cores", "all", "--config", "preset=demo", "--", *targets
    )
    for file in made:
        again = (copied / "results" / "demo" / file).read_bytes()
        assert again == (results / file).read_bytes(), file


def test_metrics_can_be_traced_to_parameters(results, variants):
    model = results / "language/variants/onevocab/model"
    costs = [json.loads((model / seed / "cost.json").read_text()) for seed in ("seed0", "seed1")]
    assert [row["seed"] for cost in costs for row in cost["seeds"]] == [0, 1]
    trained = variants.loc[("onevocab", "all", "accuracy"), "trained_parameters"]
    assert trained == costs[0]["seeds"][0]["trained_parameters"] > 0


@contextmanager
def edited(path, old, new):
    """A file with `old` replaced by `new`, put back afterwards with its dates."""
    kept = path.with_name(path.name + ".kept")
    shutil.copy2(path, kept)
    text = path.read_text(encoding="utf-8")
    assert old in text
    try:
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        yield
    finally:
        shutil.copy2(kept, path)
        kept.unlink()


def test_a_comment_re_runs_nothing(demo):
    with edited(demo.root / "workflow/seqfuse/encoders/__init__.py", '"""', '"""Edited. '):
        assert demo.planned() == set()


def test_a_touched_input_re_runs_nothing(demo, results):
    (results / "data" / "demo-variants" / "records.parquet").touch()
    assert demo.planned() == set()


def test_one_methods_learning_rate_re_runs_its_chain_alone(demo, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text("language: {overrides: {onevocab: {learning_rate: 0.5}}}")
    planned = demo.snakemake("-n", "--configfile", str(changed)).stdout
    trained = [
        line for line in planned.splitlines() if line.strip().startswith("wildcards: suite=")
    ]
    methods = {line.rsplit("method=", 1)[1] for line in trained if "method=" in line}
    assert methods == {"onevocab"}


def test_a_judge_prompt_re_judges_and_trains_nothing(demo):
    prompt = next(path for path in sorted((demo.root / "resources/judge").iterdir()))
    with edited(prompt, prompt.read_text(encoding="utf-8")[:1], "Edited "):
        assert demo.planned() == {"judge", "figures", "report"}


def test_ablations_train_what_varies_and_nothing_again(demo):
    plan = demo.snakemake("-n", "ablations").stdout.splitlines()
    runs = {line.split("=")[-1] for line in plan if line.strip().startswith("wildcards: suite=")}
    assert {"onevocab_k3", "onevocab_lora", "linear_lora"} <= runs
    assert "onevocab" not in runs
    embedded = [line.split()[-1] for line in plan if "output: results/demo/embeddings/" in line]
    # Shuffled sequences, and the encoder that was aligned with shuffled pairs.
    assert embedded and all("@" in path or "seqclip_shuffled" in path for path in embedded)
    trained = {"language_finetune", "language_predict", "codons_train", "codons_train_weighed"}
    trained.add("codons_card")
    controls = {"controls_shuffle", "controls_folds", "embeddings", "language_pretrain"}
    assert demo.planned("ablations") == trained | controls | {
        "evaluation_ablations",
        "figures_ablations",
        "judge",
        "report_ablations",
        "ablations",
    }
