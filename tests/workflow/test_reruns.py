"""What one edit of a finished demo runs again: exactly what it changes, told in one line a rule."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from seqfuse.plan import dry_run

pytestmark = pytest.mark.slow

DRAWN = {"figures", "report"}
SCORED = {"evaluation"} | DRAWN
# Stages whose models train or run; none may appear where only scoring changed.
MODELS = {"data", "sequences", "embeddings", "language", "codons"}


def planned(demo, *words: str) -> list[dry_run.Job]:
    """The jobs that a dry run would run."""
    return dry_run.plan(words, demo.root)


def rules(jobs) -> set[str]:
    return {job.rule for job in jobs}


def stages(jobs) -> set[str]:
    return {job.rule.split("_")[0] for job in jobs}


@contextmanager
def edited(path: Path, text: str):
    """A file with other content, put back afterwards with its dates."""
    kept = path.with_name(path.name + ".kept")
    shutil.copy2(path, kept)
    try:
        path.write_text(text, encoding="utf-8")
        yield
    finally:
        shutil.copy2(kept, path)
        kept.unlink()


def statement(path: Path) -> str:
    """A module's text with one statement more."""
    return path.read_text(encoding="utf-8") + "\n_EDITED = 1\n"


@pytest.fixture
def package(demo) -> Path:
    return demo.root / "workflow" / "seqfuse"


def test_a_plotting_module_redraws_its_figures(demo, package):
    module = package / "figures" / "language" / "methods.py"
    with edited(module, statement(module)):
        jobs = planned(demo)
    assert rules(jobs) == DRAWN
    assert {job.wildcards for job in jobs if job.rule == "figures"} == {"figure=methods"}


def test_matching_of_labels_scores_again_and_trains_nothing(demo, package):
    answers = package / "evaluation" / "answers.py"
    with edited(answers, statement(answers)):
        jobs = planned(demo)
    assert rules(jobs) >= SCORED
    assert not stages(jobs) & MODELS


def test_k_of_onevocab_trains_onevocab_alone(demo, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text("language: {onevocab: {k: 3}}")
    jobs = planned(demo, "--configfile", str(changed))
    methods = {job.wildcards.rsplit("method=", 1)[1] for job in jobs if "method=" in job.wildcards}
    assert methods == {"onevocab"}
    assert {"language_finetune", "language_predict"} <= rules(jobs)
    assert not stages(jobs) & {"data", "sequences", "embeddings", "codons"}
    said = {job.reason for job in jobs if job.rule == "language_finetune"}
    assert said == {"--k 6 -> 3"}


def test_an_encoder_runs_everything_below_it(demo, package):
    module = package / "encoders" / "models" / "nucleotide_transformer.py"
    with edited(module, statement(module)):
        jobs = planned(demo)
    assert stages(jobs) >= {"embeddings", "language", "codons", "controls", "evaluation"}
    assert not rules(jobs) & {"data_records", "sequences", "sequences_codons", "controls_language"}
    methods = {job.wildcards for job in jobs if job.rule == "language_finetune"}
    assert not any(method.endswith(("onevocab", "text_only")) for method in methods)


def test_comments_and_docstrings_run_nothing(demo, package, tmp_path):
    kept = shutil.copytree(package, tmp_path / "seqfuse")
    for module in package.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        assert not text or text.startswith('"""'), module
        module.write_text(text.replace('"""', '"""Edited. ', 1) + "\n# a comment\n")
    try:
        assert planned(demo) == []
    finally:
        shutil.copytree(kept, package, dirs_exist_ok=True)


def test_what_is_no_input_and_what_was_only_touched_run_nothing(demo):
    results = demo.root / "results"
    large = [p for p in results.rglob("*") if p.is_file() and p.stat().st_size > 1_000_000]
    assert large
    for file in [*large, *results.glob("demo/*/*/*.parquet")]:
        file.touch()
    (demo.root / "README.md").write_text("Edited.\n")
    lock = demo.root / "envs" / "requirements.lock"
    with edited(lock, "# Edited.\n" + lock.read_text()):
        assert planned(demo) == []


def with_pin(demo, name: str):
    """The lock with another version of one distribution."""
    lock = demo.root / "envs" / "requirements.lock"
    text = lock.read_text()
    assert f"\n{name}==" in text
    return edited(lock, text.replace(f"\n{name}==", f"\n{name}==9", 1))


def test_a_locked_version_runs_the_stages_that_import_it_and_says_why(demo):
    with with_pin(demo, "scikit-learn"):
        jobs = planned(demo)
    assert stages(jobs) == {"controls", "evaluation", "figures", "report"}
    first = {job.reason for job in jobs if job.rule == "controls_language"}
    assert first == {"a locked version that it imports changed (envs/requirements.lock)"}


def test_a_locked_version_that_no_stage_imports_runs_nothing(demo):
    with with_pin(demo, "yte"):
        assert planned(demo) == []


def test_a_checkout_to_and_fro_runs_nothing(demo):
    def git(*words: str) -> None:
        author = {f"GIT_{who}_{what}": "x@localhost" for who in ("AUTHOR", "COMMITTER")
                  for what in ("NAME", "EMAIL")}  # fmt: skip
        subprocess.run(
            ["git", *words], cwd=demo.root, env=os.environ | author, check=True, capture_output=True
        )

    module = demo.root / "workflow" / "seqfuse" / "training" / "trainer.py"
    git("init", "--initial-branch=main")
    git("add", "Snakefile", "config.yaml", "workflow", "envs", "resources", "profiles", "slurm")
    git("commit", "--message=before")
    git("checkout", "-b", "other")
    module.write_text(statement(module))
    git("commit", "--all", "--message=after")
    assert "language_finetune" in rules(planned(demo))
    git("checkout", "main")
    assert planned(demo) == []


def test_a_model_that_was_lost_is_trained_again(demo):
    """As `kill -9` leaves it in a forced run: Snakemake removes first what a job makes."""
    lost = demo.root / "results/demo/language/variants/linear/model/seed1"
    kept = lost.rename(lost.with_name("kept"))
    try:
        jobs = planned(demo)
    finally:
        kept.rename(lost)
    assert {job.wildcards for job in jobs if job.rule == "language_finetune"} == {
        "suite=variants, method=linear"
    }
    assert planned(demo) == []


def test_a_copy_of_a_finished_run_has_nothing_to_do(demo, tmp_path):
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-r", demo.root, copied], check=True)
    assert planned(replace(demo, root=copied)) == []


def test_why_is_told_in_one_line_a_rule(demo, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text("judge: {rows: 10}")
    environment = os.environ | {"PYTHONPATH": str(demo.root / "workflow")}
    said = subprocess.run(
        ["seqfuse", "why", "--configfile", str(changed)],
        cwd=demo.root, env=environment, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    lines = {line.split()[0]: line for line in said}
    assert "--rows 64 -> 10" in lines["judge"]
    assert lines["figures"].endswith("follows judge")
    told = {"rule", "judge", "report_settings", "together", "Limits"}
    assert set(lines) == told | DRAWN
