"""What a canary changes in the plans of a run: it comes first, and makes nothing else run."""

import pytest
import yaml

from bench.workflow import finish
from seqfuse import config as configuration
from seqfuse import planning

CONFIG = {
    "preset": "demo",
    "seeds": 1,
    "codons": {"datasets": ["demo-expression"], "arms": ["dna"]},
    "language": {"suites": {"tasks": ["demo-promoter"]}, "methods": ["text_only", "linear"]},
}


@pytest.fixture(scope="module")
def finished(make_project):
    """A run of both studies that is finished as far as Snakemake knows."""
    made = make_project()
    (made.root / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    finish(made.root)
    return made


def planned(project, *words: str) -> dict[str, list[planning.Job]]:
    """The jobs of a dry run, by rule."""
    found: dict[str, list[planning.Job]] = {}
    for job in planning.parse(project.snakemake("-n", "-p", *words).stdout):
        found.setdefault(job.rule, []).append(job)
    return found


def changed(project, tmp_path, **sections) -> tuple[str, str]:
    """The words that lay other settings over those of the run."""
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(sections))
    return "--configfile", str(path)


def test_every_job_with_a_gpu_waits_for_one(project):
    text = project.snakemake("-n", "-p", "all", "ablations").stdout
    on_gpus = {job.rule for job in planning.parse(text) if job.resources.get("gpu", "0") != "0"}
    waiting, rule = set(), ""
    for line in text.splitlines():
        rule = line.split()[1].rstrip(":") if line.startswith("rule ") else rule
        if line.startswith("    input: ") and "results/demo/canary/one_gpu.passed" in line:
            waiting.add(rule)
    assert waiting == on_gpus - {"canary"}
    assert {"embeddings", "language_finetune", "codons_train", "codons_train_weighed"} <= waiting


def test_a_finished_run_has_nothing_to_do(finished):
    assert planned(finished) == {}


def test_scoring_again_needs_none(finished):
    assert "canary" not in planned(finished, "--forcerun", "evaluation")


def test_another_arm_runs_it_and_what_is_new(finished, tmp_path):
    words = changed(finished, tmp_path, codons={"arms": ["dna", "protein"]})
    jobs = planned(finished, *words)
    assert len(jobs["canary"]) == 1
    assert [job.wildcards for job in jobs["codons_train"]] == [
        "dataset=demo-expression, arm=protein"
    ]
    embedded = [job.wildcards for job in jobs["embeddings"]]
    assert embedded and all("view=protein" in wildcards for wildcards in embedded)
    assert not any(rule.startswith("language") for rule in jobs)


def test_another_learning_rate_runs_it_and_its_method(finished, tmp_path):
    overrides = {"linear": {"learning_rate": 0.5}}
    jobs = planned(finished, *changed(finished, tmp_path, language={"overrides": overrides}))
    assert len(jobs["canary"]) == 1
    assert {job.wildcards for job in jobs["language_finetune"]} == {"suite=tasks, method=linear"}
    assert "embeddings" not in jobs and not any(rule.startswith("codons") for rule in jobs)


def test_declared_memory_reaches_it_and_runs_nothing(finished, tmp_path):
    words = changed(finished, tmp_path, gpu={"memory_gb": 80})
    # The report shows all settings.
    assert set(planned(finished, *words)) == {"report_settings", "report"}
    [canary] = planned(finished, "results/demo/canary/one_gpu.passed", *words)["canary"]
    assert "--memory-gb 80" in canary.command


def test_memory_and_time_of_jobs_are_known_although_its_stamp_is_not_there(finished):
    jobs = planned(finished, "--forcerun", "codons_train")["codons_train"]
    assert {job.resources["mem_mb"] for job in jobs} == {"1500"}


def test_several_processes_have_one_that_starts_as_they_do(project, tmp_path):
    words = changed(project, tmp_path, gpu={"count": 2, "nodes": 2})
    jobs = planned(project, *words)
    [alone], [several] = jobs["canary"], jobs["canary_training"]
    assert "exec seqfuse canary --request one_gpu --gpus 1" in alone.command
    trained = jobs["language_finetune"][0].command
    launcher = trained.split("seqfuse language finetune")[0]
    assert several.command.startswith(f"{launcher}seqfuse canary --request training --gpus 2")
    assert "--processes 4" in several.command
    for name in ("gpu", "nodes", "tasks", "mpi"):
        asked = jobs["language_finetune"][0].resources[name]
        assert several.resources[name] == asked, name


def test_the_papers_declare_what_their_gpus_have_and_the_demo_nothing():
    declared = {
        preset: configuration.resolve({"preset": preset})["gpu"]["memory_gb"]
        for preset in ("paper", "upstream", "pilot", "demo")
    }
    assert declared == {"paper": 40, "upstream": 40, "pilot": None, "demo": None}
