"""The presets of the papers' scale, held to what is known of the published sets: lengths in tokens,
passes over the records, learning rates."""

from types import SimpleNamespace

import pytest

from seqfuse.plan.run import Run
from seqfuse.settings import configuration

PRESETS = ("paper", "published", "upstream")
# Letters and signs around DNA and question: a turn's tokens, `<think>` and the like.
AROUND = 32


@pytest.fixture(scope="module", params=PRESETS)
def run(request) -> Run:
    return Run(configuration.resolve({"preset": request.param}))


def dna_tokens(run: Run, suite: str, name: str, nucleotides: int) -> int:
    """The most tokens that a sequence of so many nucleotides becomes."""
    method = run.method(name).name
    if method in ("text_only", "dna_only"):
        return 0
    if method == "qformer":
        return run.settings["language"]["qformer"]["latents"]
    if method == "plain_text":
        return nucleotides
    k = run.finetuning(suite, name)["k"] if method == "onevocab" else 6
    return nucleotides // k + k - 1 + 2


def prompts(run: Run):
    """(suite, method or variant, dataset, tokens of the longest prompt, of its answer)."""
    for suite, names in run.language_suites.items():
        for method in run.ablated("language"):
            if not run.varies(method, suite):
                continue
            for name in names:
                entry = run.settings["datasets"][name]
                size = entry["size"]
                records = 1 + bool(entry.get("columns", {}).get("variant"))
                # A token has at least one letter.
                question = size.get("question") or len(entry["question"])
                answer = size.get("answer") or max(map(len, entry["labels"].values()))
                dna = records * dna_tokens(run, suite, method, size["sequence"])
                yield suite, method, name, dna + question + AROUND, answer + AROUND


def test_full_scale_every_prompt_of_every_method_fits_with_its_answer(run):
    prompt = run.settings["language"]["prompt"]
    found = list(prompts(run))
    assert {suite for suite, *_ in found} == set(run.language_suites)
    for suite, method, name, shown, answer in found:
        room = max(answer, prompt["max_new_tokens"])
        assert shown + room <= prompt["max_tokens"], (suite, method, name)
        assert answer <= prompt["max_new_tokens"], (suite, method, name)


def test_full_scale_what_is_run_on_nt_alone_would_not_fit_kegg():
    """k = 1, 2, 3 and plain text, by the longest record; k = 4 fits."""
    run = Run(configuration.resolve({"preset": "paper"}))
    here, entry = run.ablated("language"), run.settings["datasets"]["kegg"]
    most = run.settings["language"]["prompt"]
    for name in here:
        dna = 2 * dna_tokens(run, "kegg", name, entry["size"]["sequence"])
        needed = dna + entry["size"]["question"] + AROUND + most["max_new_tokens"]
        assert (needed <= most["max_tokens"]) == run.varies(name, "kegg"), name
    assert [name for name in here if not run.varies(name, "kegg")] == [
        "onevocab_k1", "onevocab_k2", "onevocab_k3", "onevocab_bpe",
    ]  # fmt: skip
    # What the adapters hang on is asked of KEGG.
    other = ["qformer_norms", "seqclip_released"]
    assert [name for name in here if not run.varies(name, "nt")] == other


def test_full_scale_equal_terms_are_the_same_for_every_method_and_control():
    run = Run(configuration.resolve({"preset": "paper"}))
    for suite in run.language_suites:
        given = [run.finetuning(suite, name) for name in run.runs("language")]
        for key in ("epochs", "batch", "learning_rate", "validation_rows", "schedule", "warmup"):
            assert len({str(settings[key]) for settings in given}) == 1, (suite, key)
        assert len(given[0]["learning_rate"]) > 1
        names = run.language_suites[suite]
        assert given[0]["validation_rows"] >= 100 * len(names)


@pytest.mark.parametrize(("preset", "least"), [("paper", 1), ("upstream", 4.5)])
def test_full_scale_every_record_is_seen(preset, least):
    """At least once in each suite, and no suite a hundred times; `upstream` by its five passes."""
    run = Run(configuration.resolve({"preset": preset}))
    for suite, names in run.language_suites.items():
        rows = sum(run.settings["datasets"][name]["size"]["rows"]["train"] for name in names)
        given = run.finetuning(suite, "linear")
        passes = given["epochs"] or given["steps"] * given["batch"] / rows
        assert least <= passes <= 20, (suite, passes)


def test_full_scale_published_has_the_papers_own_values():
    run = Run(configuration.resolve({"preset": "published"}))
    for suite in run.language_suites:
        for name in ("linear", "qformer", "seqclip", "onevocab", "text_only"):
            given = run.finetuning(suite, name)
            stated = {"learning_rate": 1e-6, "weight_decay": 0.05, "batch": 64, "epochs": None}
            assert {key: given[key] for key in stated} == stated
    assert run.finetuning("kegg", "dna_only")["learning_rate"] == 3e-4


def test_full_scale_a_seed_and_a_rate_have_jobs_of_their_own():
    run = Run(configuration.resolve({"preset": "paper"}))
    assert run.settings["jobs"]["per_seed"]
    assert run.rates("nt", "dna_only") == ["2e-05", "0.0001", "0.0005"]
    assert run.trained_seeds(SimpleNamespace(suite="nt", method="linear", seed="2")) == [2]
    assert run.trained_seeds(SimpleNamespace(suite="nt", method="linear", rate="0.0001")) == [0]
    alone = Run(configuration.resolve({"preset": "upstream"}))
    assert alone.rates("kegg", "linear") == []


def test_full_scale_own_suites_take_variants_of_the_presets_suites_with_them():
    own = {"preset": "paper", "language": {"suites": {"kegg": ["kegg"]}}}
    run = Run(configuration.resolve(own))
    assert "onevocab_k1" not in run.settings["language"]["variants"]
    assert "onevocab_k4" in run.settings["language"]["variants"]
