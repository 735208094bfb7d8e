"""Before Snakemake's own handler: steps and time left while jobs run, failures at the end.

`Terminal` stands before Snakemake's own handler and reads the events that Snakemake promises to
logger plugins. Of a run it shows the jobs by stage, a line now and then, and last what failed: each
job's own message, its log and how to see its command. A run that is stopped ends by saying how far
it came. Warnings and errors that it does not know go through unchanged; the file in .snakemake/log
has everything. What a user requests in detail (`--dry-run`, `--printshellcmds`, `--verbose`) is
left to Snakemake.
"""

import contextlib
import logging
import re
import shlex
import time
from collections import Counter
from collections.abc import Callable

from seqfuse.errors import nearest
from seqfuse.plan.terminal.failures import Failure, message, stopped
from seqfuse.plan.terminal.time_left import Expected, TimeLeft, by_benchmark, in_words

# How often a finished job is shown: at each 20th of the jobs, and after a minute without a line.
_SHARE, _SECONDS = 20, 60.0
# Failed jobs that are shown in full.
_JOBS = 3
# What Snakemake says before and after the jobs, and a person does not need.
_IDLE = (
    *("Assuming unrestricted shared filesystem", "Building DAG of jobs", "Using shell: "),
    *("Conda environments: ", "Singularity containers: ", "Config file "),
)
_NOTHING = "Nothing to be done"
_FAILED = "At least one job did not complete successfully"
_STOPS = "Exiting because a job execution failed"
# Ctrl-C, and SIGTERM, which waits for the jobs that run.
_STOPPED = ("Terminating processes", "Will exit after")
# What a person waits for while jobs run.
_AWAITED = (*_STOPPED, "Waiting at most")
_AGAIN = re.compile(r"Trying to restart job (\d+)\.")


class Terminal(logging.Handler):
    """Shows a run on the stream of Snakemake's own handler.

    `workflow` is Snakemake's; `folder` is where the run writes; `ending` gives what is said when
    nothing is left to do.
    """

    def __init__(
        self, own: logging.StreamHandler, workflow, folder: str, ending: Callable[[], list[str]]
    ):
        super().__init__(own.level)
        self._own, self._workflow, self._folder, self._ending = own, workflow, folder, ending
        output = workflow.output_settings
        self._detailed = output.dryrun or output.printshellcmds or output.verbose
        self._running = False
        self._failures: dict[int, Failure] = {}
        # Of each thread, what was said of the failed job that it announces next.
        self._causes: dict[int | None, str] = {}
        self._others = 0
        self._awaited: set[str] = set()
        self._time_left = TimeLeft({}, time.monotonic())
        self._titles: dict[int, str] = {}
        # Jobs without an output, such as `all`, are no steps.
        self._targets = 0
        # Steps of this run, those done, and those done at the last line; when that was.
        self._steps = self._done = self._shown = 0
        self._shown_at = 0.0
        self._last_finished = 0
        self._is_stopped = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._show(record)
        except Exception:  # Snakemake would hang if a handler raised
            self.handleError(record)
            self._own.handle(record)

    def _show(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == "error":
            self._error(record)
        elif self._detailed:
            self._own.handle(record)
        elif event == "run_info":
            self._start(record)
        elif event == "job_started":
            self._time_left.start(record.jobs, time.monotonic())
        elif event == "job_finished":
            self._finish(record.job_id)
        elif event == "progress":
            self._progress(record.done, record.total)
        elif event == "job_error":
            self._fail(record)
        elif not self._is_idle(record, event):
            self._own.handle(record)
            if record.getMessage().startswith(_NOTHING):
                self.end()

    def end(self) -> None:
        """Say what is said when nothing is left to do."""
        if not self._quiet("ALL"):
            for line in self._ending():
                self._say(line)

    def close(self) -> None:
        """Snakemake ends: nothing that failed is left unsaid."""
        with contextlib.suppress(ValueError):  # its stream may be closed
            self._say_failures()
        super().close()

    def _is_idle(self, record: logging.LogRecord, event: str | None) -> bool:
        """Whether a record tells a person nothing about this run."""
        text = record.getMessage() if isinstance(record.msg, str) else ""
        if record.levelno >= logging.WARNING:
            return bool(self._failures) and not self._others and text.startswith(_STOPS)
        if self._running:
            if again := _AGAIN.match(text):
                self._failures.pop(int(again[1]), None)
                self._say(f"{self._title(int(again[1]))} is tried again")
            self._is_stopped |= text.startswith(_STOPPED)
            known = text in self._awaited
            self._awaited.add(text)
            return known or not text.startswith(_AWAITED)
        return event in ("workflow_started", "resources_info") or text.startswith(_IDLE)

    def _say(self, text: str) -> None:
        print(text, file=self._own.stream, flush=True)

    def _quiet(self, *kinds: str) -> bool:
        """Whether `--quiet` asks for any of these, by the names of Snakemake's `Quietness`."""
        quiet = {kind.name for kind in self._workflow.output_settings.quiet or ()}
        return not quiet.isdisjoint(kinds)

    # --- steps and time left ---

    def _start(self, record: logging.LogRecord) -> None:
        """One line in place of the table of jobs."""
        if self._running:
            return
        self._running, self._shown_at = True, time.monotonic()
        dag = self._workflow.dag
        order = {rule.name: number for number, rule in enumerate(self._workflow.rules)}
        everything = list(dag.needrun_jobs())
        self._titles = {dag.jobid(job): _title(job) for job in everything}
        jobs = [job for job in everything if job.output]
        jobs.sort(key=lambda job: order.get(job.rule.name, 0))
        self._targets, self._steps = len(everything) - len(jobs), len(jobs)
        expected = {dag.jobid(job): _expected(job) for job in jobs}
        self._time_left = TimeLeft(expected, time.monotonic())
        if self._quiet("ALL", "PROGRESS"):
            return
        stages = Counter(job.rule.name.partition("_")[0] for job in jobs)
        counts = ", ".join(f"{stage} {count}" for stage, count in stages.items())
        self._say(f"{self._folder}: {_jobs(len(jobs))} to run: {counts}")

    def _finish(self, number: int) -> None:
        self._failures.pop(number, None)  # it failed, and was tried again
        self._last_finished = number
        self._time_left.finish(number, time.monotonic())

    def _progress(self, done: int, total: int) -> None:
        now, total = time.monotonic(), total - self._targets
        self._done, self._steps = min(done, total), total
        if self._quiet("ALL", "PROGRESS") or done > total:
            return
        is_due = (done - self._shown) * _SHARE >= total or now - self._shown_at >= _SECONDS
        if is_due or done == total:
            self._shown, self._shown_at = done, now
            seconds = self._time_left.seconds(now)
            left = f" \N{MIDDLE DOT} {in_words(seconds)}" if seconds is not None else ""
            width = len(str(total))
            self._say(f"[{done:{width}}/{total}] {self._title(self._last_finished)}{left}")

    def _title(self, number: int) -> str:
        return self._titles.get(number, f"job {number}")

    # --- failures ---

    def _fail(self, record: logging.LogRecord) -> None:
        """Keep what is said of a failed job for the end, and name the job at once."""
        name, ended = self._title(record.jobid), (record.rule_msg or "").partition("For further")[0]
        said = self._causes.pop(record.thread, "")
        self._time_left.fail(record.jobid)
        if self._is_stopped and stopped(said):
            return
        failure = Failure(name, record.output or [], record.log or [], said, ended.strip())
        self._failures[record.jobid] = failure
        self._say(f"{name} failed" + (f"; log: {failure.logs[0]}" if failure.logs else ""))

    def _error(self, record: logging.LogRecord) -> None:
        text, kind = record.getMessage(), getattr(record, "exception", "")
        if kind == "MissingRuleException":
            self._say(self._unknown_target(text) or text)
        elif self._running and kind == "RuleException" and "CalledProcessError" in text:
            self._causes[record.thread] = text
        elif _FAILED in text and (self._failures or self._is_stopped):
            self._say_failures()
            self._say_stopped()
        else:
            self._others += self._running
            self._own.handle(record)

    def _say_stopped(self) -> None:
        """How far a run came that was asked to stop; what it did is kept."""
        if self._is_stopped and not self._quiet("ALL"):
            self._say(
                f"stopped with {self._done} of {_jobs(self._steps)} done; "
                "the same command goes on from there"
            )

    def _say_failures(self) -> None:
        failures, self._failures = [*self._failures.values()], {}
        causes, self._causes = self._causes, {}
        if self._is_stopped:
            failures = [failure for failure in failures if not stopped(failure.said)]
        for unannounced in causes.values():
            if not (self._is_stopped and stopped(unannounced)):
                self._say(unannounced)
        for failure in failures[:_JOBS]:
            lines = message(failure)
            call = ["snakemake", "-n", "-p", "--force", *self._call(), *failure.outputs[:1]]
            self._say(f"\n{failure.name} failed:\n" + "\n".join(f"    {line}" for line in lines))
            for log in failure.logs:
                self._say(f"  log: {log}")
            self._say(f"  to see its command: {shlex.join(call)}")
        if rest := failures[_JOBS:]:
            self._say(f"\n{len(rest)} more failed:")
            for failure in rest:
                self._say(f"  {failure.name}: {', '.join(failure.logs) or failure.said}")
        if failures and self._others:
            self._say(f"\n{self._others} more of Snakemake's errors: above")

    def _call(self) -> list[str]:
        """The words that lay other settings over config.yaml, as they were typed."""
        call = self._workflow.config_settings
        files, words = [str(file) for file in call.configfiles], [*call.config_args]
        folder = self._workflow.overwrite_workdir
        # `--` ends the words of --config, which takes several.
        return [
            *(["--directory", str(folder)] if folder else []),
            *(["--configfile", *files] if files else []),
            *(["--config", *words] if words else []),
            *(["--"] if files or words else []),
        ]

    def _unknown_target(self, text: str) -> str | None:
        """One line for a target that no rule makes, with the nearest that one does."""
        targets = self._workflow.dag_settings.targets
        wrong = next((target for target in targets if f"{target} " in text), None)
        if wrong is None:
            return None
        rules = [rule.name for rule in self._workflow.rules if not rule.has_wildcards()]
        listed = "`snakemake --list-target-rules`; files: `snakemake -n`"
        return f"no rule makes {wrong!r}{nearest(wrong, rules, listed)}"


def stand_before(
    logger: logging.Logger, workflow, folder: str, ending: Callable[[], list[str]] = list
) -> Callable[[], None]:
    """Put a `Terminal` in place of Snakemake's own handler, unless a logger plugin replaced that.

    Returns what to call when a run has ended well.
    """
    for own in [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]:
        terminal = Terminal(own, workflow, folder, ending)
        logger.removeHandler(own)
        logger.addHandler(terminal)
        return terminal.end
    return lambda: None


def _title(job) -> str:
    """A job's rule and its wildcards."""
    return " ".join(filter(None, [job.rule.name, "/".join(map(str, job.wildcards))]))


def _expected(job) -> Expected:
    """What is known of a job before it runs."""
    return Expected(job.rule.name, "gpu" in job.rule.resources, by_benchmark(job.benchmark))


def _jobs(count: int) -> str:
    return f"{count} job{'s' if count != 1 else ''}"
