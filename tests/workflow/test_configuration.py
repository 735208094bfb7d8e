"""What a user types at the root, before anything has run."""

import os
import random
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from seqfuse.plan import dry_run, folders


def test_a_dry_run_plans_every_stage(project):
    planned = project.planned()
    stages = {"data", "sequences", "embeddings", "language", "codons", "controls", "evaluation",
              "judge", "figures", "report"}  # fmt: skip
    assert {rule.split("_")[0] for rule in planned} == stages


def test_the_judges_controls_are_judged_and_no_job_holds_the_key(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    plan = project.snakemake("-n", "-p").stdout
    for method in ("linear", "text_only", "retrieval", "same_label", "shuffled"):
        assert f"seqfuse judge --suite variants --method {method} " in plan
    commands = [line for line in plan.splitlines() if "exec seqfuse judge" in line]
    assert [line for line in commands if "--predictions" not in line and "retrieval" in line]
    assert "sk-test" not in plan


def test_ablations_pre_train_once_more_on_shuffled_pairs(project):
    plan = project.snakemake("-n", "-p", "ablations", "language").stdout
    found = [line for line in plan.splitlines() if "exec seqfuse language pretrain" in line]
    assert sorted("--shuffle-pairs true" in line for line in found) == [False, True]
    (tuned,) = (
        line
        for line in plan.splitlines()
        if "--suite variants --method linear_tuned --name linear_no_contrast" in line
    )
    assert "--encoder results/demo/data/models/demo-nt" in tuned and "--embeddings" not in tuned
    (shuffled,) = (
        line for line in plan.splitlines() if "--suite variants" in line
        and "--method seqclip --name seqclip_shuffled" in line and "finetune" in line
    )  # fmt: skip
    assert "--pretrained results/demo/language/pretrain/seqclip_shuffled" in shuffled
    assert "demo-variants/sequence.seqclip_shuffled.json" in shuffled


def test_weights_with_and_without_entropy_are_drawn(project):
    figure = "results/demo/ablations/figures/weights_ablations.svg"
    plan = project.snakemake("-n", "-p", figure).stdout.splitlines()
    (drawn,) = (line for line in plan if "--figure weights_ablations" in line)
    for arm in ("mil", "mil_no_entropy"):
        assert f"results/demo/codons/demo-expression/{arm}/weights.parquet" in drawn


def test_one_study_plans_only_its_own(project):
    assert not any(rule.startswith("language") for rule in project.planned("codons"))
    assert not any(rule.startswith("codons") for rule in project.planned("language"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", "sedes=3"], "unknown key 'sedes'; did you mean 'seeds'?"),
        (["--config", "preset=dmeo"], "preset: 'dmeo' is not allowed; did you mean 'demo'?"),
    ],
)
def test_a_mistake_is_one_line(project, words, message):
    run = project.snakemake("-n", *words, check=False)
    assert run.returncode != 0
    complaints = [line for line in run.stdout.splitlines() if line.startswith("configuration")]
    assert complaints == [f"configuration error: --config: {message}"]
    assert "Traceback" not in run.stdout


def test_odd_names_reach_the_command_line_found_at_start(make_project):
    project, store = make_project(), "my {s}t'ore"
    expression = {"study": "codons", "source": "synthetic", "generator": "expression"}
    settings = {
        "preset": "demo",
        "run": "v1.2",
        "store": store,
        "datasets": {"a.b": expression},
        "language": {
            "suites": {"task-1.x": ["demo-splice"]},
            "variants": {"lr0.01": {"method": "onevocab", "learning_rate": 0.01}},
            "methods": ["lr0.01", "linear"],
        },
        "codons": {"datasets": ["a.b", "a.b+random"]},
    }
    (project.root / "config.yaml").write_text(yaml.safe_dump(settings))
    plan = project.snakemake("-n", "-p").stdout
    commands = [shlex.split(line) for line in plan.splitlines() if "exec seqfuse" in line]
    embedding = [words for words in commands if "embeddings" in words and "write" in words]
    assert embedding and all(f"--store={store}" in words for words in embedding)
    asked = [words for words in commands if words[4:6] == ["language", "predict"]]
    assert any("results/v1.2/language/task-1.x/lr0.01/model" in words for words in asked)
    assert {name for words in commands for name in words if name.startswith("a.b")} == {
        "a.b",
        "a.b+random",
    }


def test_a_set_over_an_encoders_limit_is_found_at_start(make_project):
    """Nothing is trained on the other set, though its arm of one-hot codons needs no encoder."""
    project = make_project()
    draw = random.Random(0)
    rows = [
        f"ATG{''.join(draw.choices(('GCT', 'AAA', 'CTG'), k=codons))}TAA,{draw.random()},{split}"
        for codons, split in [(20, "train")] * 8 + [(20, "val")] * 2 + [(20, "test")] * 2
        + [(6000, "test")]
    ]  # fmt: skip
    (project.root / "own.csv").write_text("\n".join(["sequence,value,split", *rows, ""]))
    own = {"study": "codons", "source": "files", "files": [{"path": "own.csv"}]}
    settings = {"preset": "demo", "studies": ["codons"], "seeds": 1, "datasets": {"own": own}}
    settings["codons"] = {"datasets": ["demo-expression", "own"], "arms": ["onehot", "dna"]}
    (project.root / "config.yaml").write_text(yaml.safe_dump(settings))
    run = project.snakemake("--cores", "1", check=False)
    assert run.returncode != 0
    results = project.root / "results" / "own"
    assert not (results / "codons").exists() and "rule codons_train:" not in run.stdout
    (log,) = (results / "logs" / "embeddings").glob("own.*.log")
    assert "has 3003 tokens, but nucleotide-transformer-v2 takes at most 2047" in log.read_text()


def test_own_data_runs_do_not_mix_and_random_weights_are_said_first(make_project):
    project = make_project()
    (project.root / "own.csv").write_text("sequence,value\n")
    own = {"study": "codons", "source": "files", "files": [{"path": "own.csv"}]}
    settings = {"studies": ["codons"], "datasets": {"own": own}, "codons": {"datasets": ["own"]}}
    (project.root / "config.yaml").write_text(yaml.safe_dump(settings))
    plan = project.snakemake("-n").stdout
    assert "results/own/report/report.html" in plan and "results/demo" not in plan
    [note] = [line for line in plan.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: own: the models have random weights")
    folders.claim(project.root / "results" / "own", "pilot")
    run = project.snakemake("-n", check=False)
    assert run.returncode != 0 and "Traceback" not in run.stdout
    assert "cannot run here: results/own holds a run of preset pilot" in run.stdout


def lacking(text: str) -> list[str]:
    """What a dry run says that a run would stop for."""
    return [line for line in text.splitlines() if line.startswith("a run would stop: ")]


UNPINNED = ("qwen3-1.7b", "nt-v2-500m")
# As words behind --config; the rest of a preset stands.
NO_COMMIT = "models={qwen3-1.7b: {revision: null}, nt-v2-500m: {revision: null}}"


def test_full_scale_nothing_stops_the_papers_plan_in_a_fresh_clone(project):
    assert lacking(project.snakemake("-n", "--profile", "slurm").stdout) == []


def test_a_model_without_a_commit_is_named_by_the_dry_run(project):
    words = ("-n", "--profile", "slurm", "--config", NO_COMMIT)
    said = lacking(project.snakemake(*words).stdout)
    assert len(said) == len(set(said)) == len(UNPINNED)
    for name in UNPINNED:
        (line,) = [line for line in said if repr(name) in line]
        assert "no revision is pinned; look at " in line
        assert "{revision: <40 hexadecimal digits>}" in line


def test_a_plan_passes_on_what_a_run_would_stop_for(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    assert dry_run.plan(["--profile", "slurm", "--config", NO_COMMIT])
    assert any("'qwen3-1.7b': no revision" in line for line in lacking(capsys.readouterr().err))


def test_a_file_that_cannot_be_had_stops_a_run_unless_its_records_are_there(make_project, tmp_path):
    project = make_project()
    entry = {"study": "codons", "source": "files", "files": [{"path": "sets/mine.csv"}]}
    settings = {"preset": "demo", "studies": ["codons"], "datasets": {"mine": entry}}
    settings["codons"] = {"datasets": ["mine"]}
    (project.root / "config.yaml").write_text(yaml.safe_dump(settings))
    reason = (
        "dataset 'mine': sets/mine.csv does not exist (searched: sets/mine.csv): check the path, or"
        " add its folder to `mirror`"
    )
    assert lacking(project.snakemake("-n").stdout) == [f"a run would stop: {reason}"]
    run = project.snakemake("--cores", "1", check=False)
    assert run.returncode != 0 and "Traceback" not in run.stdout
    assert f"configuration error: {reason}" in run.stdout.splitlines()
    assert not (project.root / "results").exists()
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "mine.csv").write_text("sequence,value\n")
    assert not lacking(project.snakemake("-n", "--config", f"mirror=[{tmp_path}]").stdout)
    (project.root / "results" / "mine" / "data" / "mine").mkdir(parents=True)
    (project.root / "results" / "mine" / "data" / "mine" / "records.parquet").touch()
    assert not lacking(project.snakemake("-n").stdout)


def test_it_works_from_another_folder(project, tmp_path):
    words = ["-n", "-s", str(project.root / "Snakefile"), "--directory", str(tmp_path)]
    assert "report" in project.snakemake(*words, "--cores", "1").stdout


def test_another_number_of_seeds_is_one_word(project):
    plan = project.snakemake("-n", "--config", "seeds=5").stdout
    assert "model/seed4" in plan


def test_plain_snakemake_needs_no_cores(project):
    assert "cores have to be specified" not in project.snakemake("-n").stdout


def test_the_cluster_profile_defaults_to_the_papers_scale(project):
    assert (
        "results/paper/report/report.html" in project.snakemake("-n", "--profile", "slurm").stdout
    )


def test_the_cluster_profile_keeps_its_preset_beside_another_setting(project):
    plan = project.snakemake("-n", "--profile", "slurm", "--config", "seeds=2").stdout
    assert "results/paper/report/report.html" in plan


def test_the_command_line_wins_over_the_cluster_profile(project):
    plan = project.snakemake("-n", "--profile", "slurm", "--config", "preset=demo").stdout
    assert "results/demo/report/report.html" in plan


def test_conda_files_pin_what_the_lock_pins(root):
    lock = set((root / "envs" / "requirements.lock").read_text().split())
    files = sorted((root / "envs").glob("*.yaml"))
    assert {file.stem for file in files} == {
        file.stem for file in (root / "workflow" / "rules").glob("*.smk") if file.stem != "common"
    }
    for file in files:
        pins = next(d for d in yaml.safe_load(file.read_text())["dependencies"] if "pip" in d and
                    isinstance(d, dict))  # fmt: skip
        assert set(pins["pip"]) <= lock, file.name


def test_the_lock_names_no_index_and_no_local_version(root):
    for name in ("requirements.lock", "tests.lock"):
        lines = (root / "envs" / name).read_text().splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        assert all(pin.count("==") == 1 and not set(pin) & set("+:/@ ") for pin in pins)
    assert "torch==2.13.0" in (root / "envs" / "requirements.lock").read_text().splitlines()


def test_the_printed_documentation_is_in_step(root):
    command = [sys.executable, "docs/build.py", "--check"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_snakefile_imports_nothing_heavy(project):
    """Each job of a cluster reads it three times. (The Slurm executor itself imports pandas.)"""
    rules = sorted((project.root / "workflow" / "rules").glob("*.smk"))
    statement = r"(?m)^(?:from [\w.]+ import \([^)]*\)|from .*|import .*)$"
    imports = [line for file in rules for line in re.findall(statement, file.read_text())]
    assert any(line.startswith("from seqfuse") for line in imports)
    program = "\n".join(
        [*imports, "configuration.resolve({})", "code('seqfuse.language.finetune')"]
        + ["print([m for m in ('pandas', 'torch', 'numpy', 'pyarrow') if m in sys.modules])"]
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(project.root / "workflow")},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "[]", run.stderr


def test_a_job_asks_for_time_by_the_seeds_that_it_trains(project):
    def minutes(seeds: int) -> set[str]:
        jobs = dry_run.plan(["--config", f"seeds={seeds}"], project.root)
        return {job.resources["runtime"] for job in jobs if job.rule == "codons_train"}

    assert minutes(1) == {"10"}
    assert minutes(4) == {"40"}
