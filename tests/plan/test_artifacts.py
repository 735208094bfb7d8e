"""The table of artifacts: the paths of every kind, written out by hand for a small run."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from seqfuse.plan.artifact_kinds import ARTIFACTS, Scope
from seqfuse.plan.artifacts import Artifacts
from seqfuse.plan.run import Run
from seqfuse.registry.figures import FIGURES, STUDIES
from seqfuse.settings import configuration

SETS = ["demo-classes", "demo-expression"]
SEEDS = [3, 5]
ARMS = ["dna", "protein", "mil", "xattn", "concat_lora", "concat_shuffled"]
METHODS = ["linear", "seqclip", "onevocab", "linear_tuned", "text_only", "dna_only"]
JUDGED = ["linear", "seqclip", "onevocab", "linear_tuned", "text_only"]
CONTROLS = ["retrieval", "same_label", "shuffled", "padded", "ceiling"]
VARIANTS = ["onevocab_k3", "seqclip_hot", "seqclip_random", "dna_only_long"]
LANGUAGE_SETS = ["demo-variants", "demo-promoter", "demo-splice"]


@pytest.fixture(scope="module")
def artifacts(small_run) -> Artifacts:
    return Artifacts(small_run)


def language(names, file, suites=("variants", "tasks")) -> list[str]:
    return [f"<results>/language/{suite}/{name}/{file}" for suite in suites for name in names]


def codons(names, file) -> list[str]:
    return [f"<results>/codons/{dataset}/{name}/{file}" for dataset in SETS for name in names]


def interpretation(file) -> list[str]:
    return [f"<results>/codons/{dataset}/interpretation/{file}" for dataset in SETS]


def figures(artifacts, study) -> set[str]:
    """The names of the figures of a study."""
    return {Path(path).stem for path in artifacts.paths("figures", study)}


def of_seeds(file: str, names: Sequence[str] = METHODS) -> list[str]:
    return [
        f"<results>/language/{suite}/{name}/model/seed{seed}/{file}"
        for suite in ("variants", "tasks")
        for name in names
        for seed in SEEDS
    ]


EXPECTED = {
    ("cards", "codons"): [f"<results>/data/{name}/card.json" for name in SETS],
    ("records", "language"): [
        f"<results>/sequences/{name}/records.parquet" for name in LANGUAGE_SETS
    ],
    ("clusters", "codons"): [f"<results>/sequences/{name}/clusters.parquet" for name in SETS],
    ("references", "codons"): [f"<results>/sequences/{name}/records.parquet" for name in SETS],
    ("audits", "codons"): [f"<results>/sequences/{name}/audit.json" for name in SETS],
    ("predictions", "language"): language(METHODS, "predictions.parquet"),
    ("predictions", "codons"): codons(ARMS, "predictions.parquet"),
    ("answers", "language"): language(JUDGED, "predictions.parquet", ["variants"]),
    ("pretrainings", "language"): ["<results>/language/pretrain/seqclip/model.json"],
    ("costs", "language"): of_seeds("cost.json"),
    ("costs", "codons"): codons(ARMS, "cost.json"),
    ("models", "language"): of_seeds("manifest.json"),
    ("models", "codons"): [
        f"<results>/codons/{dataset}/{name}/seed{seed}.safetensors"
        for dataset in SETS
        for name in ARMS
        for seed in SEEDS
    ],
    ("logs", "language"): of_seeds("log.jsonl"),
    ("logs", "codons"): codons(ARMS, "log.jsonl"),
    # All but text_only see DNA; the suite `tasks` is excluded.
    ("probes", "language"): language([*METHODS[:4], "dna_only"], "probes.parquet", ["variants"]),
    ("conflicts", "language"): language(
        [*METHODS[:4], "dna_only"], "conflicts.parquet", ["variants"]
    ),
    # What is shown no DNA is read, too: its question may say as much.
    ("linear_probes", "language"): language(METHODS, "linear_probes.parquet", ["variants"]),
    ("gaps", "language"): language(METHODS, "gaps.parquet", ["variants"]),
    ("probe_figures", "language"): [f"<results>/figures/{n}.svg" for n in ("decodable", "gap")],
    ("looks", "language"): language(["onevocab"], "attention.parquet", ["variants"]),
    # dna_only answers without text.
    ("vectors", "language"): [
        *language(METHODS[:4], "inputs.parquet"),
        "<results>/language/pretrain/seqclip/vectors.parquet",
    ],
    ("leakage", "language"): ["<results>/language/pretrain/leakage.json"],
    ("verdicts", "language"): [
        f"<results>/judge/variants/{name}.parquet" for name in [*JUDGED, *CONTROLS]
    ],
    ("folds", "language"): [
        f"<results>/controls/language/{suite}/folds.parquet" for suite in ("variants", "tasks")
    ],
    ("model_cards", "codons"): [
        path
        for file in ("README.md", "arm.json", "training_codons.safetensors")
        for path in codons(ARMS, file)
    ],
    ("weights", "codons"): codons(["mil"], "weights.parquet"),
    ("knockouts", "codons"): interpretation("knockout.parquet"),
    ("mutagenesis", "codons"): interpretation("mutagenesis.parquet"),
    ("usage", "codons"): interpretation("codons.parquet"),
    ("attention", "codons"): interpretation("attention.parquet"),
    ("fused", "codons"): interpretation("fused.parquet"),
    ("controls", "codons"): [
        f"<results>/controls/codons/{name}/predictions.parquet" for name in SETS
    ],
    ("metrics", "codons"): [f"<results>/evaluation/codons/{name}/metrics.parquet" for name in SETS],
    ("comparisons", "language"): [
        f"<results>/evaluation/language/{suite}/comparisons.parquet"
        for suite in ("variants", "tasks")
    ],
    ("calibration", "language"): [
        f"<results>/evaluation/language/{suite}/calibration.parquet"
        for suite in ("variants", "tasks")
    ],
    ("settings", "codons"): ["<results>/report/settings.json"],
}


@pytest.mark.parametrize(("kind", "study"), EXPECTED)
def test_the_files_of_a_kind(artifacts, kind, study):
    assert artifacts.paths(kind, study) == EXPECTED[kind, study]


def test_every_kind_was_written_out():
    assert {row.kind for row in ARTIFACTS} - {"figures"} == {kind for kind, _ in EXPECTED}


@pytest.mark.parametrize("kind", ["probes", "verdicts", "leakage", "folds", "vectors"])
def test_a_kind_of_study_a_is_none_of_study_b(artifacts, kind):
    assert artifacts.paths(kind, "codons") == []


def test_a_kind_of_study_b_is_none_of_study_a(artifacts):
    assert artifacts.paths("weights", "language") == artifacts.paths("fused", "language") == []


def test_a_kind_that_does_not_exist_is_a_mistake_of_the_project(artifacts):
    with pytest.raises(KeyError, match="verdict"):
        artifacts.paths("verdict", "language")


@pytest.mark.parametrize("kind", ["predictions", "costs", "probes", "verdicts"])
def test_one_suite_has_its_own_files_alone(artifacts, kind):
    alone = artifacts.paths(kind, "language", "variants")
    assert alone == [path for path in artifacts.paths(kind, "language") if "/variants/" in path]
    assert artifacts.paths("costs", "codons", "demo-classes") == codons(ARMS, "cost.json")[:6]


@pytest.mark.parametrize("kind", ["probes", "verdicts", "answers", "looks"])
def test_a_suite_that_has_none_borrows_none_of_another(artifacts, kind):
    assert artifacts.paths(kind, "language") and artifacts.paths(kind, "language", "tasks") == []


def test_ablations_compare_what_varies_beside_what_it_varies(artifacts):
    def ablated(kind, study):
        return artifacts.paths(kind, study, ablations=True)

    assert ablated("costs", "language") == of_seeds("cost.json", [*METHODS, *VARIANTS])
    arms = [*ARMS, "mil_token", "concat_unaligned"]
    assert ablated("predictions", "codons") == codons(arms, "predictions.parquet")
    assert ablated("weights", "codons") == codons(["mil", "mil_token"], "weights.parquet")
    # dna_only_long generates no text, as the method that it varies.
    judged = [*JUDGED, *VARIANTS[:3], *CONTROLS]
    assert ablated("verdicts", "language") == [
        f"<results>/judge/variants/{name}.parquet" for name in judged
    ]
    for kind in ("metrics", "comparisons", "calibration"):
        assert ablated(kind, "codons") == [
            f"<results>/ablations/codons/{name}/{kind}.parquet" for name in SETS
        ]


def test_without_reasoning_nothing_is_judged(make_run):
    run = make_run(language={"prompt": {"reasoning": False}})
    assert Artifacts(run).paths("verdicts", "language") == []


def test_without_seqclip_nothing_is_pre_trained(make_run):
    artifacts = Artifacts(make_run(language={"methods": ["linear", "text_only"]}))
    assert artifacts.paths("leakage", "language") == []
    assert artifacts.paths("vectors", "language") == language(["linear"], "inputs.parquet")


def test_a_set_that_is_split_with_several_seeds_is_one_suite(make_run):
    names = ["demo-classes", "demo-classes+cluster"]
    run = make_run(codons={"datasets": names, "arms": ["dna"], "split_seeds": 2})
    splits = [f"demo-classes+cluster.{n}" for n in range(2)]
    assert run.suites("codons") == {"demo-classes": ["demo-classes"], names[1]: splits}
    assert run.datasets("codons") == run.codon_sets == ["demo-classes", *splits]
    assert (run.resplit("codons", names[0]), run.resplit("codons", names[1])) == ("", "--resplit")
    paths = Artifacts(run).paths
    assert paths("metrics", "codons", names[1]) == [
        "<results>/evaluation/codons/demo-classes+cluster/metrics.parquet"
    ]
    for kind, pattern in (
        ("predictions", "<results>/codons/{}/dna/predictions.parquet"),
        ("controls", "<results>/controls/codons/{}/predictions.parquet"),
        ("audits", "<results>/sequences/{}/audit.json"),
    ):
        assert paths(kind, "codons") == [pattern.format(n) for n in ["demo-classes", *splits]]
    assert paths("costs", "codons", names[1]) == [
        f"<results>/codons/{name}/dna/cost.json" for name in splits
    ]


def test_controls_and_tuned_arms_are_not_interpreted(make_run):
    run = make_run(codons={"arms": ["dna", "xattn_lora", "concat_shuffled", "onehot"]})
    assert Artifacts(run).paths("knockouts", "codons") == []
    pooled = Artifacts(make_run(codons={"arms": ["mil"]}))
    assert pooled.paths("knockouts", "codons") and not pooled.paths("attention", "codons")


def test_a_figure_is_drawn_where_a_run_makes_all_it_needs(make_run, artifacts):
    drawn = figures(artifacts, "codons")
    assert drawn == {name for name, figure in FIGURES.items()
                     if figure.study == "codons" and not figure.ablations}  # fmt: skip
    alone = Artifacts(make_run(codons={"arms": ["dna"], "datasets": ["demo-classes"]}))
    drawn = figures(alone, "codons")
    # No weights, no fusion, no regression.
    assert drawn == {"fusion", "confusion", "lengths", "curves"}


def test_a_study_that_does_not_run_has_no_figure(make_run):
    artifacts = Artifacts(make_run(studies=["codons"]))
    assert artifacts.paths("figures", "language") == artifacts.paths("metrics", "language") == []
    assert artifacts.paths("figures", "codons")


def test_what_snakemake_probes_makes_is_asked_for_by_it_alone(artifacts):
    own = artifacts.of_probes()
    assert "<results>/language/variants/linear/gaps.parquet" in own
    assert "<results>/figures/decodable.svg" in own
    assert not set(own) & set(artifacts.of_report())


def test_a_target_asks_for_all_that_a_study_comes_to(artifacts):
    asked = artifacts.of_study("language")
    wanted = ("metrics", "figures", "models", "predictions", "probes", "vectors")
    assert {path for kind in wanted for path in artifacts.paths(kind, "language")} <= set(asked)
    report = artifacts.of_report()
    assert set(asked) | set(artifacts.of_study("codons")) <= set(report)
    assert set(artifacts.paths("costs", "codons")) <= set(report)
    assert len(report) == len(set(report))


def test_figures_of_ablations_are_apart(artifacts):
    (figure,) = artifacts.paths("figures", "codons", ablations=True)
    assert figure == "<results>/ablations/figures/weights_ablations.svg"
    assert "weights_ablations" not in "".join(artifacts.paths("figures", "codons"))


def test_what_a_figure_is_drawn_from(artifacts, of):
    assert artifacts.figure_inputs(of(figure="weights")) == {
        "weights": codons(["mil"], "weights.parquet"),
        "records": EXPECTED["references", "codons"],
    }
    ablated = artifacts.figure_inputs(of(figure="weights_ablations"))
    assert ablated["weights"] == codons(["mil", "mil_token"], "weights.parquet")


def test_what_the_report_shows(artifacts, make_run):
    shown = artifacts.report_inputs(None)
    assert list(shown) == ["metrics", "comparisons", "audits", "cards", "costs", "verdicts",
                           "leakage", "pretrainings", "figures"]  # fmt: skip
    # Which pairs SeqCLIP was pre-trained on, where it was.
    pairs = "<results>/data/demo-genes/card.json"
    assert pairs in shown["cards"]
    without = Artifacts(make_run(language={"methods": ["linear"]})).report_inputs(None)
    assert pairs not in without["cards"] and "pretrainings" not in without
    assert shown["costs"] == EXPECTED["costs", "language"] + EXPECTED["costs", "codons"]
    drawn = [path for study in STUDIES for path in artifacts.paths("figures", study)]
    assert shown["figures"] == drawn
    alone = Artifacts(make_run(studies=["codons"])).report_inputs(None)
    assert "verdicts" not in alone and "leakage" not in alone


def test_what_the_report_of_the_ablations_shows(artifacts):
    shown = artifacts.ablation_inputs(None)
    assert list(shown) == ["metrics", "comparisons", "costs", "figures"]
    assert all(path.startswith("<results>/ablations/") for path in shown["metrics"])
    assert len(shown["costs"]) == 4 * (len(METHODS) + len(VARIANTS)) + 2 * (len(ARMS) + 2)


def outputs(root) -> list[str]:
    """The patterns of paths in the sections `output` of all rules."""
    files = sorted((root / "workflow" / "rules").glob("*.smk"))
    text = "\n".join(file.read_text() for file in files)
    sections = re.findall(r"^    output:\n((?:        .*\n|\n)+)", text, re.MULTILINE)
    strings = re.findall(r'"(<results>/[^"]+)"', "\n".join(sections))
    return [string.replace("{{", "{").replace("}}", "}") for string in strings]


def matches(path: str, pattern: str) -> bool:
    names = re.split(r"\{[^}]+\}", pattern)
    return bool(re.fullmatch("[^/]+".join(map(re.escape, names)), path))


@pytest.mark.parametrize("row", ARTIFACTS, ids=lambda row: f"{row.kind} {row.study or ''}".strip())
def test_a_rule_makes_every_file_of_the_table(small_run, root, row):
    # No encoder of the small run is an arm of study B, whose leakage is audited.
    fused = Run(configuration.resolve({"preset": "fused"}))
    run = (
        fused
        if row.pattern.startswith("<results>/codons/") and row.kind == "leakage"
        else small_run
    )
    patterns = outputs(root)
    assert len(patterns) > 30
    studies = [row.study] if row.study else ["language", "codons"]
    for study in studies:
        scope = Scope(run, study, list(run.suites(study)), bool(row.ablations))
        paths = row.paths(scope)
        assert paths
        for path in paths:
            assert any(matches(path, pattern) for pattern in patterns), path
