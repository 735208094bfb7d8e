"""What a run is made of, from settings whose answers are known by hand; no Snakemake."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from seqfuse.plan import pairs
from seqfuse.plan.artifacts import Artifacts, expand
from seqfuse.plan.inputs import Inputs
from seqfuse.plan.params import as_json, compared_by, either, omit, tracked, untracked
from seqfuse.plan.run import Run
from seqfuse.plan.submission.launch import launched
from seqfuse.plan.submission.resources import Needs
from seqfuse.settings import configuration

VARIANTS = {
    "linear_full": {"method": "linear", "lora_rank": 0, "encoder": "nt-v2-100m"},
    "seqclip_hot": {"method": "seqclip", "pretrain": {"temperature": 0.5}},
    "onevocab_k3": {"method": "onevocab", "k": 3},
}
CONFIG = {
    "preset": "demo",
    "run": "mine",
    "seeds": 3,
    "language": {
        "suites": {"one": ["demo-variants"], "two": ["demo-promoter", "demo-splice"]},
        "methods": ["linear", "seqclip", "onevocab", "text_only", "dna_only"],
        "variants": VARIANTS,
        "training": {"steps": 10, "learning_rate": 0.1},
        "overrides": {"two": {"steps": 20}, "linear": {"learning_rate": 0.2}},
        "probe": {"exclude_suites": ["two"]},
    },
    "codons": {"datasets": ["demo-expression"], "arms": ["dna", "rna", "concat", "mil"]},
}

FOLDER = "<results>/codons/demo-expression"


def make(**changed) -> Run:
    return Run(configuration.resolve(configuration.merge(CONFIG, changed)))


@pytest.fixture(scope="module")
def run() -> Run:
    return make()


@pytest.fixture(scope="module")
def artifacts(run) -> Artifacts:
    return Artifacts(run)


@pytest.fixture(scope="module")
def inputs(run) -> Inputs:
    return Inputs(run)


def wildcards(**names) -> SimpleNamespace:
    return SimpleNamespace(**names)


# --- what a run is made of -----------------------------------------------------------------------


def test_a_variant_is_its_methods(run):
    assert run.method("onevocab_k3").name == "onevocab"
    assert run.implementation("onevocab_k3") == "seqfuse.language.methods.onevocab"
    assert "title" not in run.registered("linear") and run.registered("linear")["reads_store"]


def test_suites_and_datasets(run):
    assert run.suites("language") == CONFIG["language"]["suites"]
    assert run.suites("codons") == {"demo-expression": ["demo-expression"]}
    assert run.datasets("language") == ["demo-variants", "demo-promoter", "demo-splice"]
    assert run.seeds == [0, 1, 2] and run.results == "results/mine"


def test_a_study_that_is_not_asked_for_has_none():
    alone = make(studies=["codons"])
    assert alone.suites("language") == {} and not alone.pretrained()
    assert alone.suites("codons") == {"demo-expression": ["demo-expression"]}


def test_ablations_are_runs_and_what_varies_them(run):
    assert run.runs("codons") == ["dna", "rna", "concat", "mil"]
    varied = run.settings["language"]["variants"]
    assert varied.keys() >= VARIANTS.keys()
    assert run.ablated("language") == [*CONFIG["language"]["methods"], *varied]


def test_settings_lie_over_each_other_suite_then_method_then_variant(run):
    plain, two = run.finetuning("one", "linear"), run.finetuning("two", "linear")
    assert (plain["steps"], two["steps"]) == (10, 20)
    assert plain["learning_rate"] == two["learning_rate"] == 0.2
    assert run.finetuning("one", "text_only")["learning_rate"] == 0.1
    full = run.finetuning("two", "linear_full")
    assert (full["steps"], full["learning_rate"], full["lora_rank"]) == (20, 0.2, 0)
    assert not {"method", "encoder", "k", "max_new_tokens"} & full.keys()
    assert run.finetuning("one", "onevocab_k3")["k"] == 3


def test_a_method_s_override_lies_over_its_suite_s_and_a_variant_s_over_both():
    overrides = {"two": {"steps": 20, "batch": 3}, "linear": {"steps": 30, "lora_rank": 4}}
    given = make(language={"overrides": overrides}).finetuning("two", "linear_full")
    assert (given["steps"], given["batch"], given["lora_rank"]) == (30, 3, 0)


def test_what_changes_no_result_is_not_tracked(run):
    given = run.finetuning("one", "onevocab")
    kept = tracked(given, "language/training")
    apart = untracked(given, "language/training")
    assert apart.keys() == {"gradient_checkpointing", "chunk_tokens", "checkpoint_minutes"}
    assert kept | apart == given and kept["k"] == given["k"]


def test_pre_trainings(run):
    for name in ("seqclip", "seqclip_hot"):
        assert run.pretraining_of(name) == name
        # One serves all seeds.
        assert run.encoders_of(name, run.seeds) == [name]
    assert {"seqclip", "seqclip_hot"} <= run.pretrainings()
    assert run.contrasting("seqclip_hot")["temperature"] == 0.5
    assert run.contrasting("seqclip")["temperature"] == 0.07
    assert "dataset" not in run.contrasting("seqclip")
    assert run.model_folder("seqclip_hot") == "<results>/language/pretrain/seqclip_hot/encoder"
    assert run.model_folder("demo-nt") == "<results>/data/models/demo-nt"
    assert run.manifest("demo-nt") == "<results>/data/models/demo-nt/manifest.json"


def test_an_encoder_is_the_variants_own(run):
    assert run.encoders_of("linear", run.seeds) == ["demo-nt"]
    assert run.encoders_of("linear_full", run.seeds) == ["nt-v2-100m"]
    assert run.layout("nt-v2-100m") == ["seqfuse.encoders.models.nucleotide_transformer"]
    assert run.layout("demo-qwen3") == []


def test_what_is_judged_probed_and_looked_at(run):
    # Demo variants alone have reasoning, and variants.
    judged = {name for suite, name in pairs.judged(run) if suite == "one"}
    assert judged >= {"linear", "seqclip", "onevocab", "text_only", "retrieval"}
    assert "dna_only" not in judged and not [s for s, _ in pairs.judged(run) if s == "two"]
    assert pairs.probed(run) == [
        (s, n) for s in ("one",) for n in ("linear", "seqclip", "onevocab")
    ] + [("one", "dna_only")]
    assert pairs.attended(run) == [("one", "onevocab")]
    assert run.variant_sets("two") == []


def test_arms(run):
    assert run.fusions() == ["concat", "mil"] and run.single_arms() == ["dna", "rna"]
    assert run.fusion("mil") == ["seqfuse.codons.fusions.mil"]
    wide = make(codons={"overrides": {"mil": {"channels": 7}}})
    assert wide.arm_training("mil")["channels"] == 7 != wide.arm_training("concat")["channels"]


def test_small_words():
    assert re.fullmatch(either(["a+b", "c"]), "a+b") and not re.fullmatch(either(["a+b"]), "aab")
    assert not re.fullmatch(either([]), "")
    assert omit({"a": 1, "b": 2}, "b", "z") == {"a": 1}
    assert as_json({"b": 1, "a": [2]}) == '{"a": [2], "b": 1}'
    assert compared_by()["better"]["mae"] == "lower"
    assert compared_by()["made_of"]["late_mean"] == ("dna", "rna", "protein")


def test_tensorboard_where_it_is_wanted(run):
    assert run.board("one", "linear") == ""
    shown = make(language={"tensorboard": True}).board("one", "linear")
    assert shown == "--tensorboard results/mine/tensorboard/one/linear"


# --- artifacts and inputs ------------------------------------------------------------------------


def test_a_pattern_names_what_it_is_expanded_by():
    assert expand("{a}-{b}", a=["x", "y"], b="z", unused=["p", "q"]) == ["x-z", "y-z"]
    assert expand("plain", a=["x", "y"]) == ["plain"]


@pytest.mark.parametrize(
    ("need", "study", "expected"),
    [
        ("metrics", "codons", ["<results>/evaluation/codons/demo-expression/metrics.parquet"]),
        (
            "costs",
            "codons",
            [f"{FOLDER}/{arm}/cost.json" for arm in ("dna", "rna", "concat", "mil")],
        ),
        ("weights", "codons", [f"{FOLDER}/mil/weights.parquet"]),
        ("knockouts", "codons", [f"{FOLDER}/interpretation/knockout.parquet"]),
        # No cross-attention runs.
        ("attention", "codons", []),
        ("verdicts", "codons", []),
        ("leakage", "language", ["<results>/language/pretrain/leakage.json"]),
        ("looks", "language", ["<results>/language/one/onevocab/attention.parquet"]),
        ("settings", "language", ["<results>/report/settings.json"]),
        ("cards", "codons", ["<results>/data/demo-expression/card.json"]),
    ],
)  # fmt: skip
def test_artifacts_of_a_kind(artifacts, need, study, expected):
    assert artifacts.paths(need, study) == expected


def test_artifacts_of_one_suite_and_of_what_varies(artifacts):
    one = artifacts.paths("predictions", "language", "one")
    assert one[0] == "<results>/language/one/linear/predictions.parquet" and len(one) == 5
    varied = artifacts.paths("predictions", "language", "one", ablations=True)
    assert "<results>/language/one/onevocab_k3/predictions.parquet" in varied


def test_a_figure_is_drawn_where_its_files_are_made(artifacts):
    drawn = artifacts.paths("figures", "codons")
    assert "<results>/figures/weights.svg" in drawn
    # One set, a regression: no classes to confuse.
    assert "<results>/figures/confusion.svg" not in drawn
    shown = artifacts.report_inputs(wildcards())
    assert set(shown["figures"]) == {*artifacts.paths("figures", "language"), *drawn}


def test_what_jobs_read(inputs):
    frames = wildcards(dataset="d", view="rna", encoder="e", study="codons")
    assert inputs.embedded_table(frames) == "<results>/sequences/d/frames.parquet"
    assert (
        inputs.embedded_resolution(frames) == "codon" and inputs.embedded_columns(frames) == "rna"
    )
    pair = wildcards(dataset="d", view="sequence")
    assert inputs.embedded_table(pair) == "<results>/sequences/d/records.parquet"
    assert inputs.embedded_columns(pair) == "sequence variant"
    linear = wildcards(suite="two", method="linear")
    assert inputs.language_embeddings(linear) == [
        "<results>/embeddings/demo-promoter/sequence.demo-nt.json",
        "<results>/embeddings/demo-splice/sequence.demo-nt.json",
    ]
    assert inputs.language_embeddings(wildcards(suite="two", method="onevocab")) == []
    assert inputs.pretrained_adapter(linear) == []
    hot = wildcards(suite="one", method="seqclip_hot")
    assert inputs.pretrained_adapter(hot) == [
        "<results>/language/pretrain/seqclip_hot/adapter.safetensors"
    ]
    shuffled = wildcards(dataset="demo-expression", arm="concat_shuffled")
    assert inputs.arm_set(shuffled) == "demo-expression@codons"
    random = wildcards(dataset="demo-expression", arm="concat_random")
    assert set(inputs.arm_embeddings(random)) == {"dna", "rna", "protein"}
    assert all(path.endswith("@random.json") for path in inputs.arm_embeddings(random).values())


# --- resources and launching ---------------------------------------------------------------------


@pytest.fixture
def needs(run, inputs) -> Needs:
    return Needs(run, inputs, unknown=lambda: "unknown")


def test_memory_and_time_grow_with_the_attempt_and_what_is_read(needs, run, tmp_path):
    read = tmp_path / "table.parquet"
    read.write_bytes(b"x" * 2_000_000)
    base = run.settings["jobs"]["gpu"]
    assert needs.threads("gpu") == base["threads"]
    assert needs.mem_mb("gpu")(None, [read], 2) == 2 * (base["mem_mb"] + 6)
    assert needs.runtime("gpu", 3)(None, 2) == 6 * base["runtime"]


def test_disk_is_the_estimate_and_twice_the_tables_or_unknown(needs, tmp_path):
    table = tmp_path / "table.parquet"
    table.write_bytes(b"x" * 1_000_000)
    other = tmp_path / "other.json"
    other.write_text("{}")
    disk = needs.disk_mb(lambda wildcards, input: 500_001)
    assert disk(None, [table, other]) == 3
    assert disk(None, [tmp_path / "absent.parquet"]) == "unknown"


def test_a_training_job_of_several_nodes_starts_its_own_processes(needs):
    assert needs.training("language_finetune", needs.tables_disk)["gpu"] == 1
    assert "mpi" not in needs.training("language_finetune", needs.tables_disk)
    run = make(gpu={"count": 2, "nodes": 3})
    several = Needs(run, Inputs(run), unknown=str).training("language_finetune", needs.tables_disk)
    assert (several["gpu"], several["nodes"], several["tasks"]) == (6, 3, 3)
    assert several["mpi"] == "srun" and several["tasks_per_gpu"] == 0


def test_how_a_command_is_launched():
    assert launched("seqfuse x", {"count": 1, "nodes": 1}, 8) == "seqfuse x"
    one_node = launched("seqfuse x", {"count": 4, "nodes": 1}, 8)
    assert one_node.startswith("accelerate launch --multi_gpu")
    assert "--num_processes 4" in one_node and one_node.endswith("seqfuse x --processes 4")
    nodes = launched("seqfuse x", {"count": 4, "nodes": 2}, 8)
    assert nodes.startswith("srun --nodes 2 --ntasks 2 --ntasks-per-node 1 --cpus-per-task 32 ")
    assert "torchrun --nnodes 2 --nproc-per-node 4" in nodes
    assert nodes.endswith("seqfuse x --processes 8")


def test_planning_needs_no_snakemake_and_no_torch():
    program = (
        "import sys\n"
        "for name in ('snakemake', 'torch', 'pandas', 'pyarrow'):\n"
        "    sys.modules[name] = None\n"
        "from seqfuse.plan import artifacts, inputs, run\n"
        "from seqfuse.plan.submission import launch, resources\n"
        "from seqfuse.settings import configuration\n"
        "made = run.Run(configuration.resolve({'preset': 'paper'}))\n"
        "print(len(artifacts.Artifacts(made).paths('figures', 'language')) > 5)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
