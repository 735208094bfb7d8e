"""What a run of Snakemake shows on the terminal: steps and time left, and failures at the end.

`Terminal` stands before Snakemake's own handler and reads the events that Snakemake promises to
logger plugins. Of a run it shows the jobs by stage, a line now and then, and last what failed: each
job's own message, its log and how to see its command. Warnings and errors that it does not know go
through unchanged; the file in .snakemake/log has everything. What is asked for in detail
(`--dry-run`, `--printshellcmds`, `--verbose`) is left to Snakemake.
"""

import contextlib
import json
import logging
import re
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from seqfuse.errors import nearest, printable

# How often a finished job is shown: at each 20th of the jobs, and after a minute without a line.
_SHARE, _SECONDS = 20, 60.0
# Lines of a log, and failed jobs, that are shown in full.
_LINES, _JOBS = 15, 3
_MISTAKE = re.compile(r"seqfuse[\w -]*: error: ")
# What Snakemake says before and after the jobs, and a person does not need.
_IDLE = (
    *("Assuming unrestricted shared filesystem", "Building DAG of jobs", "Using shell: "),
    *("Conda environments: ", "Singularity containers: "),
)
_NOTHING = "Nothing to be done"
_FAILED = "At least one job did not complete successfully"
_STOPS = "Exiting because a job execution failed"
# What a person waits for while jobs run.
_AWAITED = ("Terminating processes", "Will exit after", "Waiting at most")
_AGAIN = re.compile(r"Trying to restart job (\d+)\.")
# What ended a job that has no words for it, in the words of Python and of a shell.
_KILLED = re.compile(r"died with <Signals\.(\w+)|returned non-zero exit status (1[3-9]\d)\.")


@dataclass
class Failure:
    """A job that failed: what it is, its outputs, its logs, what Snakemake said of it, and what its
    executor did (a cluster's word for how it ended)."""

    name: str
    outputs: Sequence[str]
    logs: Sequence[str]
    said: str
    ended: str = ""


class Terminal(logging.Handler):
    """Shows a run on the stream of Snakemake's own handler.

    `workflow` is Snakemake's; `ending` gives what is said when nothing is left to do.
    """

    def __init__(
        self, own: logging.StreamHandler, workflow, ending: Callable[[], list[str]] = list
    ):
        super().__init__(own.level)
        self._own, self._workflow, self._ending = own, workflow, ending
        output = workflow.output_settings
        self._detailed = output.dryrun or output.printshellcmds or output.verbose
        self._running = False
        self._failures: dict[int, Failure] = {}
        # Of each thread, what was said of the failed job that it announces next.
        self._causes: dict[int | None, str] = {}
        self._others = 0
        self._awaited: set[str] = set()
        self._told, self._shown, self._done = 0, 0.0, 0
        self._started, self._took = {}, defaultdict(list)
        self._left: dict[int, tuple[str, float | None]] = {}
        self._titles: dict[int, str] = {}
        # Jobs without an output, such as `all`, are no steps.
        self._targets = 0
        self._begun = time.monotonic()

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
            self._started |= dict.fromkeys(record.jobs, time.monotonic())
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
            known = text in self._awaited
            self._awaited.add(text)
            return known or not text.startswith(_AWAITED)
        return event in ("workflow_started", "resources_info") or text.startswith(_IDLE)

    def _say(self, text: str) -> None:
        print(text, file=self._own.stream, flush=True)

    def _quiet(self, *kinds: str) -> bool:
        """Whether `--quiet` asks for any of these, by the names of Snakemake's `Quietness`."""
        asked = {kind.name for kind in self._workflow.output_settings.quiet or ()}
        return not asked.isdisjoint(kinds)

    # --- steps and time left ---

    def _start(self, record: logging.LogRecord) -> None:
        """One line in place of the table of jobs."""
        if self._running:
            return
        self._running, self._begun = True, time.monotonic()
        dag = self._workflow.dag
        order = {rule.name: number for number, rule in enumerate(self._workflow.rules)}
        everything = list(dag.needrun_jobs())
        self._titles = {dag.jobid(job): _title(job) for job in everything}
        jobs = [job for job in everything if job.output]
        jobs.sort(key=lambda job: order.get(job.rule.name, 0))
        self._left = {dag.jobid(job): (job.rule.name, _seconds(job.benchmark)) for job in jobs}
        if self._quiet("ALL", "PROGRESS"):
            return
        self._targets = len(everything) - len(jobs)
        stages = Counter(job.rule.name.partition("_")[0] for job in jobs)
        told = ", ".join(f"{stage} {count}" for stage, count in stages.items())
        self._say(f"{len(jobs)} job{'s' if jobs[1:] else ''}: {told}")

    def _finish(self, number: int) -> None:
        rule, _ = self._left.pop(number, ("", None))
        self._failures.pop(number, None)  # it failed, and was tried again
        self._done = number
        if number in self._started:
            self._took[rule].append(time.monotonic() - self._started.pop(number))

    def _progress(self, done: int, total: int) -> None:
        now, total = time.monotonic(), total - self._targets
        if self._quiet("ALL", "PROGRESS"):
            return
        if (done - self._told) * _SHARE < total and now - self._shown < _SECONDS and done < total:
            return
        if done <= total:
            self._told, self._shown = done, now
            width = len(str(total))
            left = self._time_left(now - self._begun)
            self._say(f"[{done:{width}}/{total}] {self._title(self._done)}{left}")

    def _time_left(self, elapsed: float) -> str:
        """How long the jobs that are left take: as the same job in an earlier run, or as those of
        its rule in this one."""
        finished = [seconds for several in self._took.values() for seconds in several]
        means = {rule: fmean(seconds) for rule, seconds in self._took.items()}
        each = [means.get(rule, before) for rule, before in self._left.values()]
        if not finished or not any(each):
            return ""
        at_once = max(1.0, sum(finished) / elapsed)
        seconds = sum(filter(None, each)) / at_once
        least = "at least " if None in each else ""
        return f" \N{MIDDLE DOT} {least}{_duration(seconds)} left"

    def _title(self, number: int) -> str:
        return self._titles.get(number, f"job {number}")

    # --- failures ---

    def _fail(self, record: logging.LogRecord) -> None:
        """Keep what is said of a failed job for the end, and name the job at once."""
        name, ended = self._title(record.jobid), (record.rule_msg or "").partition("For further")[0]
        said = self._causes.pop(record.thread, "")
        failure = Failure(name, record.output or [], record.log or [], said, ended.strip())
        self._failures[record.jobid] = failure
        self._say(f"{name} failed" + (f"; log: {failure.logs[0]}" if failure.logs else ""))

    def _error(self, record: logging.LogRecord) -> None:
        text, kind = record.getMessage(), getattr(record, "exception", "")
        if kind == "MissingRuleException":
            self._say(self._unknown_target(text) or text)
        elif self._running and kind == "RuleException" and "CalledProcessError" in text:
            self._causes[record.thread] = text
        elif _FAILED in text and self._failures:
            self._say_failures()
        else:
            self._others += self._running
            self._own.handle(record)

    def _say_failures(self) -> None:
        failures, self._failures = [*self._failures.values()], {}
        causes, self._causes = self._causes, {}
        for unannounced in causes.values():
            self._say(unannounced)
        for failure in failures[:_JOBS]:
            told = message(failure)
            call = ["snakemake", "-n", "-p", "--force", *self._call(), *failure.outputs[:1]]
            self._say(f"\n{failure.name} failed:\n" + "\n".join(f"    {line}" for line in told))
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
    logger: logging.Logger, workflow, ending: Callable[[], list[str]] = list
) -> Callable[[], None]:
    """Put a `Terminal` in place of Snakemake's own handler, unless a logger plugin replaced that.

    What it gives is called when a run has ended well.
    """
    for own in [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]:
        terminal = Terminal(own, workflow, ending)
        logger.removeHandler(own)
        logger.addHandler(terminal)
        return terminal.end
    return lambda: None


def message(failure: Failure) -> list[str]:
    """What a failed job said itself, and above it how it was ended, where that is known.

    Its mistakes, or else the last lines of its log; if it left none, Snakemake's words stand.
    """
    ended = [failure.ended] if failure.ended else []
    if killed := _KILLED.search(failure.said):
        ended = [f"ended by {killed[1] or f'signal {int(killed[2]) - 128}'}"]
    for log in failure.logs:
        with contextlib.suppress(OSError):
            text = Path(log).read_text(encoding="utf-8", errors="replace")
            lines = [printable(line) for line in text.splitlines() if line.strip()]
            if mistakes := [line for line in lines if _MISTAKE.match(line)]:
                return ended + mistakes[-_LINES:]
            if lines:
                return ended + lines[-_LINES:]
    return failure.said.splitlines() or ended or ["its log is empty"]


def _title(job) -> str:
    """A job's rule and its wildcards."""
    return " ".join(filter(None, [job.rule.name, "/".join(map(str, job.wildcards))]))


def _seconds(benchmark) -> float | None:
    """What a job took when it last ran, by its benchmark; None if it never did."""
    try:
        return json.loads(Path(str(benchmark)).read_text().splitlines()[-1])["s"]
    except (OSError, ValueError, IndexError, KeyError):
        return None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
