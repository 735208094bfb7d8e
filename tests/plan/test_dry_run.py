"""Saying why jobs run, keeping what older code made, and what is to be downloaded."""

import http.server
import json
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqfuse.plan import dry_run, job_log
from seqfuse.plan.tools import accept, fetch, why

MADE = "data/a/records.parquet"
TUNING = {"gpu": "2", "gpu_model": "a100", "mem_mb": "32000"}
PLAN = [
    dry_run.Job(
        "data_records",
        "not made yet",
        outputs=[MADE, "data/a/card.json"],
        command='exec seqfuse data records --entry \'{"source": "synthetic"}\'',
    ),
    dry_run.Job(
        "language_finetune",
        followed=[MADE],
        outputs=["model/seed0", "model/cost.json"],
        resources=TUNING | {"runtime": "90", "disk_mb": "1500"},
    ),
    dry_run.Job(
        "language_finetune",
        "its code changed; --k 6 -> 3",
        followed=["of no rule, and not why it runs"],
        outputs=["model2/seed0"],
        resources=TUNING | {"runtime": "30"},
    ),
]


def test_a_file_is_known_by_the_rule_that_makes_it():
    assert dry_run.makers(PLAN)["data/a/card.json"] == "data_records"


def test_each_rule_gets_one_line(monkeypatch, capsys):
    settings = {"gpu": {"memory_gb": 40}}
    monkeypatch.setattr(dry_run, "planned", lambda words: (PLAN, settings))
    arguments = dry_run.argparse.ArgumentParser()
    dry_run.add_arguments(arguments)
    why.run(arguments.parse_args([]))
    *table, limits = capsys.readouterr().out.splitlines()
    rows = [re.split("  +", line.strip()) for line in table]
    header = ["rule", "jobs", "last took", "disk", "GPUs", "memory limit", "time limit", "why"]
    assert rows[0] == header
    assert rows[1] == ["data_records", "1", "-", "-", "-", "-", "-", "not made yet"]
    assert rows[2] == [
        *("language_finetune", "2", "-", "1.5 GB", "2", "32.0 GB", "90 min"),
        "its code changed; --k 6 -> 3; follows data_records",
    ]
    # A limit is that of the largest job; a sum of limits would read as a forecast.
    assert rows[3] == ["together", "3", "-", "1.5 GB", "2", "32.0 GB", "90 min"]
    assert "no forecast" in limits and "seqfuse rehearse" in limits


def test_no_gpu_is_shown_where_none_is_used(monkeypatch, capsys):
    settings = {"gpu": {"memory_gb": None}}
    monkeypatch.setattr(dry_run, "planned", lambda words: (PLAN, settings))
    arguments = dry_run.argparse.ArgumentParser()
    dry_run.add_arguments(arguments)
    why.run(arguments.parse_args([]))
    rows = [re.split("  +", line) for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert [row[4] for row in rows] == ["-", "-", "-"]


def test_what_would_run_again_is_told_with_what_it_took(tmp_path, monkeypatch, capsys):
    times = {"a": [3.0, 100.0], "b": [20.4], "c": []}
    for name, seconds in times.items():
        lines = [json.dumps({"s": value, "cpu_time": 1.0}) + "\n" for value in seconds]
        (tmp_path / name).write_text("".join(lines)) if lines else None
    jobs = [
        dry_run.Job("language_finetune", "not made yet", benchmark=str(tmp_path / name))
        for name in times
    ]
    settings = {"gpu": {"memory_gb": None}}
    monkeypatch.setattr(dry_run, "planned", lambda words: (jobs, settings))
    arguments = dry_run.argparse.ArgumentParser()
    dry_run.add_arguments(arguments)
    why.run(arguments.parse_args([]))
    lines = capsys.readouterr().out.splitlines()
    # The last run of each that has run: 100 s and 20.4 s; the third has not.
    assert re.split("  +", lines[1])[2] == "2 min+"


def test_only_code_and_versions_make_a_job_outdated():
    code, packages = job_log.CODE, job_log.PACKAGES
    for reason in (code, packages, f"{code}; {packages}"):
        assert dry_run.Job("r", reason).outdated
        assert not dry_run.Job("r", reason, followed=["a"]).outdated
    for reason in (f"{code}; --k 6 -> 3", job_log.NOT_MADE, "a changed", ""):
        assert not dry_run.Job("r", reason).outdated


def test_what_was_accepted_is_added_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = dry_run.Job(
        "codons_train", outputs=["results/a/codons/x", "results/a/y"], wildcards="arm=mil"
    )
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
    assert why._sum_of_sizes([why._disk(job) for job in jobs]) == told


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


def test_a_download_is_measured_before_it_starts(server, tmp_path):
    there = {"path": str(tmp_path / "a.csv"), "url": server}
    away = {"path": "other.csv", "url": server}
    assert why._disk(entry_job(files=[there, away])) == 0.0025
    unknown = {"path": "o", "url": server + "x"}
    jobs = [entry_job(files=files) for files in ([there], [there, away], [unknown])]
    sizes = [fetch.size(job) for job in jobs]
    assert sizes == [0, 2500, None]
    said = [fetch._announced(*pair) for pair in zip(jobs, sizes, strict=True)]
    assert said[0].endswith("nothing to download") and said[1].endswith("2 kB")
    assert "size unknown" in said[2]


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1))
    with pytest.raises(fetch.UserError, match="2 kB do not fit into 1 B"):
        fetch._say_total([2500, None])


def test_without_a_network_it_is_one_line_with_the_servers(tmp_path, monkeypatch, capsys):
    (tmp_path / "here.csv").touch()
    here = {"path": str(tmp_path / "here.csv"), "url": "https://c.org/here.csv"}
    jobs = [
        entry_job(files=[{"path": "o.csv", "url": "https://a.org/o.csv"}]),
        entry_job(kind="hub", repository="b/c"),
        entry_job(files=[here]),
    ]
    reasons = {"a.org": "no network: no such name", fetch.network.hub(): "no network: no such name"}
    monkeypatch.setattr(fetch.dry_run, "plan", lambda words: jobs)
    monkeypatch.setattr(fetch, "size", lambda job: 0 if job is jobs[2] else None)
    monkeypatch.setattr(fetch, "_unreachable", reasons.get)
    args = SimpleNamespace(targets=[], profile=None, config=[], configfile=[])
    with pytest.raises(fetch.UserError) as refused:
        fetch.run(args)
    told = f"cannot reach a.org, {fetch.network.hub()} (no network: no such name), so "
    assert str(refused.value).startswith(told) and "`mirror:`" in str(refused.value)
    assert "\n" not in str(refused.value) and not capsys.readouterr().out
    reasons["a.org"] = None  # what can be had is fetched
    fetch._refuse_without_network(jobs[:2])


def test_without_a_network_the_hubs_cache_alone_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(fetch.network, "hub_offline", lambda: "no network")
    assert fetch._dry_run_of(lambda *args, **options: asked.append(options), "a") is None
    assert asked == [{"dry_run": True, "local_files_only": True}]
