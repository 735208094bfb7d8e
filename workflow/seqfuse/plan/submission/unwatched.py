"""Jobs of a run that Slurm has and that no snakemake watches.

A busy Slurm may take a job and let sbatch fail all the same ("Socket timed out"). The executor
submits the job again, both do the same work, and each start removes what the other has made.
Ctrl-C during a submission leaves a job behind, too. Both are ended here, and of a failed submission
one line is left: the executor prints the whole command, which is kilobytes.
"""

import logging
import re
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.plan.submission import slurm
from seqfuse.progress import say

# The executor's words for a submission that failed: sbatch's own error in the first, a job of an
# array, an answer without a number.
_FAILURES = (
    re.compile(r"SLURM sbatch failed.*?The error message was '(.*?)'\.\n", re.DOTALL),
    re.compile(r"(Part of failed array sbatch submission)"),
    re.compile(r"(?:Job|Array job) submission failed with exception: (.*)", re.DOTALL),
)
_ERROR = re.compile(r"sbatch: error: (?:Batch job submission failed: )?")


class FailedSubmissions(logging.Filter):
    """Ends what Slurm took of a submission that failed, before the job is submitted again.

    The executor logs a failure and only then gives the job back to the scheduler, both in the
    thread of the submission, in which a filter of the logger is called.
    """

    def __init__(self, workflow, folder: Path):
        super().__init__()
        self._workflow, self._folder = workflow, folder

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == "job_error":
            if cause := failure(record.rule_msg or ""):
                record.rule_msg, record.log = f"not submitted: sbatch failed: {cause}", []
                say(f"sbatch failed for {record.rule_name}: {cause}")
                self._end(record.jobid)
        elif isinstance(record.msg, str) and (cause := failure(record.msg)):
            # Each job of the array follows, with an event of its own.
            record.msg, record.args = f"sbatch failed for a job array: {cause}", ()
        return True

    def _end(self, number: int) -> None:
        """Cancel the jobs that Slurm has for a job of Snakemake, except those that the executor
        knows of: an array bears the name of its first task, which may be on its way alone."""
        try:
            dag, known = self._workflow.dag, self._workflow.persistence.external_jobids
            job = next(job for job in dag.jobs if dag.jobid(job) == number)
            wildcards = "_".join(job.wildcards).replace("/", "_")
            comment = f"rule_{job.rule.name}" + (f"_wildcards_{wildcards}" if wildcards else "")
            alike = (other for other in dag.jobs if other.rule == job.rule and other != job)
            watched = {task.split("_")[0] for other in alike for task in known(other)}
            queued = [row.number for row in slurm.queue(self._folder) if row.comment == comment]
            unwatched = [task for task in dict.fromkeys(queued) if task not in watched]
            slurm.cancel(unwatched, "Slurm has taken it all the same; ending that job first")
        except Exception as error:  # the executor would not give the job back if this raised
            cause = str(error) or type(error).__name__
            say(f"whether Slurm has taken it all the same is not known: {cause}")


def failure(message: str) -> str | None:
    """Why a submission failed, in a few words; None if the executor says something else."""
    found = next(filter(None, (pattern.match(message) for pattern in _FAILURES)), None)
    return " ".join(_ERROR.sub("", found[1]).split()) if found else None


def listen(logger: logging.Logger, workflow) -> None:
    """Hear of failed submissions, if jobs go to Slurm."""
    if workflow.executor_plugin.name == "slurm":
        logger.addFilter(FailedSubmissions(workflow, Path.cwd()))


def end(workflow, finished: bool) -> None:
    """End the jobs that a run leaves in the queue.

    If it has `finished`, a running one is the second submission of a job that is done: it removed
    the outputs when it started and is making them again, so it is told of and left alone.
    """
    if workflow.executor_plugin.name != "slurm":
        return
    try:
        queued = [job for job in slurm.queue(Path.cwd()) if job.state != "COMPLETING"]
        twice = {job.number: job.rule for job in queued if finished and job.state != "PENDING"}
        others = dict.fromkeys(job.number for job in queued if job.number not in twice)
        slurm.cancel(list(others), "still in Slurm's queue; ending them")
        for number, rule in twice.items():
            say(
                f"{rule} was submitted twice, and job {number} makes its outputs again: wait for"
                " its end before you start snakemake here"
            )
    except UserError as error:
        say(f"what this run leaves in Slurm's queue is not known: {error}")
