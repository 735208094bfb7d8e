"""What a run shows on the terminal, from the events that Snakemake logs."""

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake.settings.enums import Quietness

from seqfuse.plan.terminal import failures, handler, notices, time_left


class Job(SimpleNamespace):
    """A job of Snakemake's graph."""

    def __init__(self, number, rule, *wildcards, benchmark=None):
        computes = rule in ("codons_train", "language_finetune")
        rule = SimpleNamespace(name=rule, resources={"gpu": 1} if computes else {})
        output = [f"results/r/{number}"]
        super().__init__(**{key: value for key, value in locals().items() if key != "self"})


class Graph:
    def __init__(self, jobs):
        self.jobs = jobs

    def needrun_jobs(self):
        return self.jobs

    def jobid(self, job):
        return job.number


@pytest.fixture
def run(monkeypatch):
    """A terminal before a handler of Snakemake's, its clock, and what is written."""

    class Run(SimpleNamespace):
        def log(self, event=None, msg="", level=logging.INFO, **fields):
            self.logger.handle(
                logging.makeLogRecord({"event": event, "msg": msg, "levelno": level} | fields)
            )

        def finish(self, number, seconds, done, total):
            self.log("job_started", jobs=[number])
            self.clock[0] += seconds
            self.log("job_finished", job_id=number)
            self.log("progress", done=done, total=total)

        def fail(self, number, rule, log, said="in line 1"):
            said = f"CalledProcessError {said}"
            self.log("error", said, logging.ERROR, exception="RuleException")
            fields = {"jobid": number, "rule_name": rule, "rule_msg": None, "log": [str(log)]}
            output = [f"results/r/{number}"]
            self.log("job_error", level=logging.ERROR, output=output, **fields)

        def lines(self):
            return self.stream.getvalue().splitlines()

    def make(jobs=(), dryrun=False, targets=(), quiet=None):
        clock, stream = [0.0], io.StringIO()
        monkeypatch.setattr(handler.time, "monotonic", lambda: clock[0])
        output = SimpleNamespace(dryrun=dryrun, printshellcmds=False, verbose=False, quiet=quiet)
        rules = [SimpleNamespace(name="language", has_wildcards=lambda: False)]
        workflow = SimpleNamespace(
            dag=Graph(list(jobs)), output_settings=output, rules=rules,
            config_settings=SimpleNamespace(configfiles=[], config_args=["preset=demo"]),
            dag_settings=SimpleNamespace(targets=set(targets)), overwrite_workdir=None,
        )  # fmt: skip
        logger = logging.Logger("run")
        own = logging.StreamHandler(stream)
        own.name = "DefaultStreamHandler"
        logger.addHandler(own)
        end = handler.stand_before(logger, workflow, "results/r", lambda: ["report: here"])
        return Run(logger=logger, stream=stream, clock=clock, end=end)

    return make


def test_steps_and_time_left(run, tmp_path):
    (tmp_path / "b.jsonl").write_text('{"s": 1}\n{"s": 300.0}\n')
    jobs = [
        *(Job(n, "data_records", f"d{n}") for n in range(3)),
        Job(3, "codons_train", "d0", "concat", benchmark=tmp_path / "b.jsonl"),
        Job(4, "report"),
    ]
    shown = run(jobs)
    shown.log(msg="Using shell: /bin/bash")
    shown.log(msg="Config file config.yaml is extended by additional config")
    shown.log("run_info", "a table of jobs")
    shown.log("job_info", "details of a job")
    shown.finish(0, 10, 1, 6)
    shown.finish(1, 20, 2, 6)
    shown.finish(2, 30, 3, 6)
    shown.finish(3, 200, 4, 6)
    shown.finish(4, 2, 5, 6)
    shown.end()
    assert shown.lines() == [
        "results/r: 5 jobs to run: data 3, codons 1, report 1",
        # 300 s as codons_train took before, 10 s for each other record and for the report.
        "[1/6] data_records d0 \N{MIDDLE DOT} about 6 min left",
        "[2/6] data_records d1 \N{MIDDLE DOT} about 6 min left",
        "[3/6] data_records d2 \N{MIDDLE DOT} about 5 min left",
        "[4/6] codons_train d0/concat \N{MIDDLE DOT} less than a minute left",
        "[5/6] report",
        "report: here",
    ]


def test_no_time_left_before_a_training_has_run(run):
    """Of a first run, what trainings take cannot be told from what downloads took."""
    jobs = [Job(n, "data_records", n) for n in range(4)]
    jobs += [Job(n, "language_finetune", n) for n in range(4, 10)]
    shown = run([*jobs, Job(10, "figures", "a"), Job(11, "report")])
    shown.log("run_info")
    for number, seconds in enumerate([2, 2, 2, 2, 120, 120, 130, 110, 120, 120, 5, 5]):
        shown.finish(number, seconds, number + 1, 12)
    times = [line.partition(" \N{MIDDLE DOT} ")[2] for line in shown.lines()[1:]]
    minutes = [f"about {left} min left" for left in (10, 8, 6, 4, 2)]
    assert times == [""] * 4 + minutes + ["less than a minute left"] * 2 + [""]


def test_time_left_counts_jobs_at_once_and_what_has_run_of_them(run):
    jobs = [Job(n, "language_finetune", n) for n in range(6)]
    shown = run(jobs)
    shown.log("run_info")
    shown.log("job_started", jobs=[0, 1])
    shown.clock[0] += 600
    shown.log("job_finished", job_id=0)
    shown.log("progress", done=1, total=6)
    # 1 has run for 600 s: it is about to end, and 2 at a time take 20 minutes for 4 of them.
    assert shown.lines()[-1].endswith("about 20 min left")


def test_the_longest_job_is_waited_for(tmp_path):
    expected = {
        n: time_left.Expected(f"r{n}", True, before) for n, before in ((0, 1), (1, 9), (2, 1))
    }
    clock = time_left.TimeLeft(expected, 0.0)
    clock.start([0, 1, 2], 0.0)
    clock.finish(0, 1.0)
    assert clock.seconds(1.0) == 8.0


def test_a_long_run_says_a_line_now_and_then(run):
    shown = run([Job(n, "judge", n) for n in range(400)])
    shown.log("run_info")
    for n in range(400):
        shown.finish(n, 1, n + 1, 400)
    assert len(shown.lines()) == 1 + 20
    shown = run([Job(n, "codons_train", n) for n in range(400)])
    shown.log("run_info")
    shown.finish(0, 61, 1, 400)
    shown.finish(1, 1, 2, 400)
    assert len(shown.lines()) == 2
    assert shown.lines()[-1].endswith("about 6.8 h left")


def test_a_failed_jobs_own_message_comes_last_and_once(run, tmp_path):
    told, empty = tmp_path / "a.log", tmp_path / "b.log"
    told.write_text("progress\nseqfuse data records: error: own.csv: line 3: wrong\n")
    empty.touch()
    shown = run([Job(0, "data_records", "own"), Job(1, "sequences", "x"), Job(2, "judge")])
    shown.log("run_info")
    shown.fail(2, "judge", told)
    shown.fail(0, "data_records", told)
    shown.finish(2, 1, 1, 3)  # a second attempt
    shown.fail(1, "sequences", empty)
    stops = "Exiting because a job execution failed. Look above for error messages"
    shown.log(msg=stops, level=logging.ERROR)
    shown.log(msg="Complete log(s): x")
    ended = "WorkflowError:\nAt least one job did not complete successfully."
    shown.log("error", ended, logging.ERROR, exception="WorkflowError")
    assert shown.lines()[-10:] == [
        "",
        "data_records own failed:",
        "    seqfuse data records: error: own.csv: line 3: wrong",
        f"  log: {told}",
        "  to see its command: snakemake -n -p --force --config preset=demo -- results/r/0",
        "",
        "sequences x failed:",
        "    CalledProcessError in line 1",
        f"  log: {empty}",
        "  to see its command: snakemake -n -p --force --config preset=demo -- results/r/1",
    ]
    assert "judge failed" in "\n".join(shown.lines()) and "judge failed:" not in shown.lines()


def test_no_failure_is_lost(run, tmp_path):
    """Snakemake ends without the words that are expected of it, and what is unknown is shown."""
    (tmp_path / "a.log").write_text("Killed\n")
    shown = run([Job(0, "data_records", "own")])
    shown.log("run_info")
    shown.fail(0, "data_records", tmp_path / "a.log")
    shown.log(msg="something new", level=logging.WARNING)
    shown.log("group_error", "a group failed", logging.ERROR)
    shown.log("progress", "an event without its numbers")
    for terminal in shown.logger.handlers:
        terminal.close()
    said = "\n".join(shown.lines())
    assert "something new" in said and "a group failed" in said and "without its numbers" in said
    assert said.count("    Killed") == 1


def test_what_a_cluster_says_of_a_jobs_end_stands_above_its_log(run, tmp_path):
    (tmp_path / "a.log").write_text("step 3\nstep 4\n")
    shown = run([Job(0, "codons_train", "own"), Job(1, "judge")])
    shown.log("run_info")
    ended = "SLURM-job '12' failed, SLURM status is: 'OUT_OF_MEMORY'. "
    fields = {"jobid": 0, "rule_name": "x", "log": [str(tmp_path / "a.log")], "output": ["o"]}
    fields["rule_msg"] = f"{ended}For further error details see the cluster log."
    shown.log("job_error", level=logging.ERROR, **fields)
    shown.log(msg="Trying to restart job 0.")
    assert shown.lines()[-1] == "codons_train own is tried again"
    shown.log("job_error", level=logging.ERROR, **fields)
    shown.log(msg="Terminating processes on user request, this might take some time.")
    shown.log("error", "MissingOutputException: no such file", logging.ERROR, exception="x")
    shown.log(msg="Exiting because a job execution failed. Look above", level=logging.ERROR)
    for terminal in shown.logger.handlers:
        terminal.close()
    said = shown.lines()
    assert said[said.index("codons_train own failed:") + 1 :][:3] == [
        f"    {ended.strip()}", "    step 3", "    step 4",
    ]  # fmt: skip
    assert "Terminating processes" in "\n".join(said) and said[-1].endswith("errors: above")


def test_a_killed_job_says_so(run, tmp_path):
    (tmp_path / "a.log").write_text("step 3\n")
    for said, ended in (
        ("Command 'y' died with <Signals.SIGKILL: 9>.", "ended by SIGKILL"),
        ("Command 'y' returned non-zero exit status 137.", "ended by signal 9"),
    ):
        failure = failures.Failure("x", [], [str(tmp_path / "a.log")], said)
        assert failures.message(failure) == [ended, "step 3"]


@pytest.mark.parametrize("quiet", [{Quietness.ALL}, {Quietness.PROGRESS}])
def test_a_quiet_run_says_what_failed_alone(run, tmp_path, quiet):
    """Snakemake does not say then that a job has finished."""
    (tmp_path / "a.log").write_text("seqfuse judge: error: no key\n")
    shown = run([Job(0, "judge"), Job(1, "data")], quiet=quiet)
    shown.log("run_info")
    shown.fail(0, "judge", tmp_path / "a.log")
    shown.log(msg="Trying to restart job 0.")
    shown.fail(1, "data", tmp_path / "a.log")
    for terminal in shown.logger.handlers:
        terminal.close()
    assert "judge failed:" not in shown.lines() and "data failed:" in shown.lines()
    assert "2 jobs" not in "\n".join(shown.lines())


INTERRUPTED = "Command 'y' returned non-zero exit status 130."


@pytest.mark.parametrize(
    "said",
    [
        "Terminating processes on user request, this might take some time.",
        "Will exit after finishing currently running jobs (scheduler).",
    ],
)
@pytest.mark.parametrize("is_late", [True, False])
def test_a_stopped_run_says_how_far_it_came(run, tmp_path, said, is_late):
    """A job that the same Ctrl-C stopped has not failed; one that failed by itself has."""
    interrupted, wrong = tmp_path / "a.log", tmp_path / "b.log"
    interrupted.write_text("seqfuse judge: interrupted by SIGINT; run it again to continue\n")
    wrong.write_text("seqfuse data records: error: own.csv: line 3: wrong\n")
    shown = run([Job(0, "data_records", "own"), Job(1, "judge"), Job(2, "sequences"), Job(3, "b")])
    shown.log("run_info")
    shown.finish(2, 1, 1, 4)
    if is_late:
        shown.log(msg=said)
    shown.fail(1, "judge", interrupted, INTERRUPTED)
    shown.log(
        "error", f"CalledProcessError {INTERRUPTED}", logging.ERROR, exception="RuleException"
    )
    if not is_late:
        shown.log(msg=said)
    shown.fail(0, "data_records", wrong)
    ended = "WorkflowError:\nAt least one job did not complete successfully."
    shown.log("error", ended, logging.ERROR, exception="WorkflowError")
    for terminal in shown.logger.handlers:
        terminal.close()
    assert shown.lines()[-1] == "stopped with 1 of 4 jobs done; the same command goes on from there"
    assert ("judge failed; log" in "\n".join(shown.lines())) != is_late
    assert "judge failed:" not in shown.lines() and "data_records own failed:" in shown.lines()
    assert "did not complete" not in "\n".join(shown.lines())


def test_a_plan_is_left_to_snakemake(run):
    shown = run([Job(0, "judge")], dryrun=True)
    shown.log("run_info", "a table of jobs")
    shown.log("job_info", "details of a job")
    assert shown.lines() == ["a table of jobs", "details of a job"]


@pytest.mark.parametrize("dryrun", [True, False])
def test_a_mistyped_target_is_one_line(run, dryrun):
    shown = run(dryrun=dryrun, targets=["langauge"])
    said = "MissingRuleException:\nNo rule to produce langauge (if you use input functions ...)."
    shown.log("error", said, logging.ERROR, exception="MissingRuleException")
    assert shown.lines() == ["no rule makes 'langauge'; did you mean 'language'?"]


def test_nothing_to_be_done_ends_as_a_run_does(run):
    shown = run()
    shown.log(msg="Nothing to be done (all requested files are present and up to date).")
    assert shown.lines()[-1] == "report: here" and len(shown.lines()) == 2


def test_a_logger_plugin_keeps_the_terminal():
    logger = logging.Logger("run")
    plugin = logging.NullHandler()
    logger.addHandler(plugin)
    handler.stand_before(logger, None, "results/r")()
    assert logger.handlers == [plugin]


@pytest.mark.parametrize(
    ("preset", "run", "tried"),
    [
        ("demo", "demo", "seqfuse data look FILE"),
        ("demo", "of-mine", "seqfuse ask"),
        ("small", "small", "seqfuse ask"),
    ],
)
def test_the_end_names_the_report_and_what_to_try(preset, run, tried):
    settings = {"preset": preset, "run": run}
    job = Job(0, "report")
    report, following = notices.next_steps(settings, Graph([job]))
    assert report.startswith("report: /") and report.endswith("/results/r/0")
    assert following.startswith("next: ") and tried in following
    assert not notices.next_steps(settings, Graph([Job(1, "judge")]))
