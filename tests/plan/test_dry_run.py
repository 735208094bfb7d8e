"""Reading a dry run, saying why, and what is to be downloaded."""

import http.server
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqfuse.plan import accept, dry_run, fetch, why

PLAN = """
Building DAG of jobs...
[Sat Nov 21 11:51:43 2026]
localrule data_records:
    output: data/a/records.parquet, data/a/card.json
    reason: Missing output files: data/a/records.parquet
    wildcards: dataset=a
    resources: tmpdir=/tmp
Shell command: exec seqfuse data records --name a --entry '{"source": "synthetic"}' --out x
[Sat Nov 21 11:51:43 2026]
rule language_finetune:
    input: data/a/records.parquet
    output: model/seed0, model/cost.json
    reason: Input files updated by another job: data/a/records.parquet
    resources: tmpdir=<TBD>, gpu=2, gpu_model=a100, runtime=90, disk_mb=1500, mem_mb=<TBD>
Shell command: exec seqfuse language finetune
rule language_finetune:
    output: model2/seed0
    reason: Params have changed since last execution: Union of exclusive params before and now \
across all output: before: '--steps 5 --k 6', 'code aa, packages bb' now: 'code aa, packages cc', \
'--steps 5 --k 3'
    resources: gpu=2, runtime=30
Shell command: exec seqfuse language finetune
rule all:
    input: model/cost.json
    reason: Input files updated by another job: model/cost.json
Shell command: None
"""


def test_jobs_are_read_from_what_snakemake_prints():
    jobs = dry_run.parse(PLAN)
    assert [job.rule for job in jobs] == ["data_records", "language_finetune", "language_finetune"]
    assert jobs[1].resources["gpu"] == "2" and jobs[1].resources["mem_mb"] == "<TBD>"
    assert dry_run.makers(jobs)["data/a/card.json"] == "data_records"


def test_each_rule_gets_one_line(monkeypatch, capsys):
    monkeypatch.setattr(dry_run, "plan", lambda words: dry_run.parse(PLAN))
    arguments = dry_run.argparse.ArgumentParser()
    dry_run.add_arguments(arguments)
    why.run(arguments.parse_args([]))
    lines = [line.split(maxsplit=5) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["data_records", "1", "-", "here", "-", "-  not made yet"]
    assert lines[2] == [
        "language_finetune", "2", "2", "2.0", "1.5",
        "GB     -  a locked version that it imports changed (envs/requirements.lock);"
        " --k 6 -> 3; follows data_records",
    ]  # fmt: skip
    assert lines[3][:4] == ["together", "3", "2", "2.0"]


def test_what_would_run_again_is_told_with_what_it_took(tmp_path, monkeypatch, capsys):
    times = {"a": [3.0, 100.0], "b": [20.4], "c": []}
    for name, seconds in times.items():
        lines = [json.dumps({"s": value, "cpu_time": 1.0}) + "\n" for value in seconds]
        (tmp_path / name).write_text("".join(lines)) if lines else None
    jobs = [
        dry_run.Job("language_finetune", "Missing output files: x", benchmark=str(tmp_path / name))
        for name in times
    ]
    monkeypatch.setattr(dry_run, "plan", lambda words: jobs)
    arguments = dry_run.argparse.ArgumentParser()
    dry_run.add_arguments(arguments)
    why.run(arguments.parse_args([]))
    lines = capsys.readouterr().out.splitlines()
    # The last run of each that has run: 100 s and 20.4 s; the third has not.
    assert lines[1].split("  ")[-2:] == ["2 min+", "not made yet"]


def test_only_code_and_versions_make_a_job_outdated():
    before = "Params have changed since last execution: x: before: "
    cases = {
        f"{before}'code a, packages b', '--k 6' now: 'code c, packages b', '--k 6'": True,
        f"{before}'code a, packages b', '--k 6' now: 'code a, packages d', '--k 6'": True,
        f"{before}'code a, packages b', '--k 6' now: 'code c, packages b', '--k 3'": False,
        "Missing output files: a": False,
        "Updated input files: a": False,
        "Input files updated by another job: a": False,
    }
    assert {reason: dry_run.Job("r", reason).outdated for reason in cases} == cases


def test_what_was_accepted_is_added_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = dry_run.Job("codons_train", output="results/a/codons/x, results/a/y", wildcards="arm=mil")
    accept.record([job], "first")
    accept.record([job, job], "second")
    entries = json.loads(Path("results/a/report/accepted.json").read_text())["accepted"]
    assert [(e["because"], len(e["jobs"])) for e in entries] == [("first", 1), ("second", 2)]
    assert entries[0]["jobs"] == [{"rule": "codons_train", "wildcards": "arm=mil"}]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (["1500", "20"], "1.5 GB"),
        (["20", "<TBD>"], "20 MB+"),
        (["<TBD>"], "?"),
        ([], "-"),
    ],
)
def test_disk_that_is_not_known_yet_is_marked(stated, told):
    jobs = [dry_run.Job("rule", resources={"disk_mb": value}) for value in stated]
    assert why._told([why._disk(job) for job in jobs]) == told


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("code aa, packages cc", "code bb, packages cc", "its code changed"),
        ("--a 1 --b 2", "--a 1", "--b 2 -> nothing"),
        ('{"judge": {"rows": 1}}', '{"judge": {"rows": 2}}', "judge.rows 1 -> 2"),
        ("demo", "paper", "demo -> paper"),
    ],
)
def test_what_changed_is_named(before, now, said):
    reason = (
        "Params have changed since last execution: Union of exclusive params before and now"
        f" across all output: before: {before!r} now: {now!r} "
    )
    assert dry_run.explain(dry_run.Job("rule", reason)) == said


@pytest.fixture
def server(tmp_path):
    """A web server of this machine's own with one file of 2,500 bytes."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path)

        def log_message(self, *_):
            pass

    (tmp_path / "a.csv").write_bytes(b"x" * 2500)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/a.csv"
        running.shutdown()


def entry_job(**entry) -> dry_run.Job:
    text = json.dumps({"source": "files", **entry})
    return dry_run.Job("data_records", command=f"exec seqfuse data --name set --entry '{text}'")


def test_a_download_is_measured_before_it_starts(server, tmp_path, capsys):
    there = {"path": str(tmp_path / "a.csv"), "url": server}
    away = {"path": "other.csv", "url": server}
    assert fetch._announce(entry_job(files=[there])) == 0
    assert fetch._announce(entry_job(files=[there, away])) == 2500
    assert why._disk(entry_job(files=[there, away])) == 0.0025
    assert fetch._announce(entry_job(files=[{"path": "o", "url": server + "x"}])) is None
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("nothing to download") and said[1].endswith("2 kB")
    assert "size unknown" in said[2]


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1))
    with pytest.raises(fetch.UserError, match="2 kB do not fit into 1 B"):
        fetch._say_total([2500, None])


def test_without_a_network_the_hubs_cache_alone_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(fetch.download, "hub_offline", lambda: "no network")
    assert fetch._asked(lambda *args, **options: asked.append(options), "a") is None
    assert asked == [{"dry_run": True, "local_files_only": True}]
