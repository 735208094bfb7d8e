"""The reason of a job in a few words, on the command line and for the plan."""

import json
import logging
from types import SimpleNamespace

import pytest

from seqfuse.plan import dry_run, job_log


class Params(SimpleNamespace):
    """What Snakemake says of changed params, at length."""

    def __str__(self):
        return "x" * 9999


def params(before=(), now=()):
    """The `repr` of the params of before alone, and of now."""
    return Params(only_old=set(map(repr, before)), only_new=set(map(repr, now)))


def reason(**fields):
    """Snakemake's reason for a job: of the kinds of it only those that `fields` name."""
    kinds = {"missing_output": set(), "updated_input": set(), "updated_input_run": set()}
    return SimpleNamespace(**(kinds | {"params_changed": None} | fields))


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (["code aa, packages cc"], ["code bb, packages cc"], ["its code changed"]),
        (["code aa, packages cc"], ["code aa, packages dd"], [job_log.PACKAGES]),
        (["--a 1 --b 2"], ["--a 1"], ["--b 2 -> nothing"]),
        (["--a 1 2 --flag"], ["--a 1 3 --flag"], ["--a 1 2 -> 1 3"]),
        # One param more than before, of another kind, that sorts before the changed one.
        (["--b 2"], ["--b 3", '{"a": 1}'], ["--b 2 -> 3", "a nothing -> 1"]),
        (['{"judge": {"rows": 1}}'], ['{"judge": {"rows": 2}}'], ["judge.rows 1 -> 2"]),
        ([{"better": {"f1": "up"}}], [{"better": {"f1": "down"}}], ["better.f1 up -> down"]),
        (["demo"], ["paper"], ["run demo -> paper"]),
        ([[0], "demo"], ["paper", [0, 1]], ["seeds [0] -> [0, 1]", "run demo -> paper"]),
        ([], ["paper"], ["run nothing -> paper"]),
        (["paper"], [], ["paper -> nothing"]),
        ([{"a": "x" * 99}], [{"a": ""}], [f"a {'x' * 37}... ->"]),
        (
            [{f"key{n}": 0 for n in range(100)}],
            [{f"key{n}": 1 for n in range(100)}],
            [*(f"key{n} 0 -> 1" for n in range(8)), "and 92 more"],
        ),
    ],
)
def test_what_changed_is_named_on_the_command_line(before, now, said):
    changed = params(before, now)
    names = {repr("paper"): "run", repr([0, 1]): "seeds", repr([0]): "never asked"}
    assert job_log.changes(changed.only_old, changed.only_new, names) == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"missing_output": {"a"}, "updated_input_run": {"b"}}, "not made yet"),
        ({"updated_input": {"c", "b", "a"}, "updated_input_run": {"c"}}, "a changed, and 1 more"),
        ({"updated_input": {"a"}, "updated_input_run": {"a"}}, ""),
        ({"params_changed": params(["--a 1"], ["--a 2"])}, "--a 1 -> 2"),
        ({"params_changed": params(), "updated_input_run": {"a"}}, "its settings changed"),
        ({}, "Forced execution"),
    ],
)
def test_a_reason_in_a_few_words(fields, said):
    assert job_log.explain(reason(**fields), "Forced execution", {}) == said


class Graph(SimpleNamespace):
    """As much of Snakemake's graph as is asked: one job, of the number 7, and its reason."""

    job = SimpleNamespace(params={"settings": "--k 3", "run": "demo"})
    jobs = (job,)

    def jobid(self, job):
        return 7

    def reason(self, job):
        return self.because


def test_the_command_line_names_what_changed_and_a_plan_has_the_job(tmp_path, monkeypatch):
    because = reason(
        params_changed=params(["--k 6", "x" * 9999], ["--k 3", "demo"]), updated_input_run={"a"}
    )
    record = logging.makeLogRecord(
        {
            "event": "job_info", "jobid": 7, "rule_name": "train", "output": ["b", "c, d"],
            "wildcards": {"suite": "s", "method": "m"}, "resources": {"gpu": 1, "mem_mb": "<TBD>"},
            "benchmark": None, "shellcmd": "exec x",
            "reason": f"Input files updated: a; Params changed: {because.params_changed}; more",
        }
    )  # fmt: skip
    log = job_log.JobLog(SimpleNamespace(dag=Graph(because=because)))
    assert log.filter(record)
    said = f"--k 6 -> 3; run {'x' * 37}... -> demo"
    assert record.reason == f"Input files updated: a; Params changed: {said}; more"

    monkeypatch.setenv("SEQFUSE_PLAN", str(tmp_path / "plan"))
    assert log.filter(record) and log.filter(logging.makeLogRecord({"event": "progress"}))
    (line,) = (tmp_path / "plan").read_text().splitlines()
    assert dry_run.Job(**json.loads(line)) == dry_run.Job(
        rule="train", reason=said, followed=["a"], outputs=["b", "c, d"], command="exec x",
        wildcards="suite=s, method=m", resources={"gpu": "1", "mem_mb": "<TBD>"},
    )  # fmt: skip
