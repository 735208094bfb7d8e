"""Before jobs go to Slurm: whether the site takes them, and what an earlier start left behind.

`prepare` is called when a run starts on the cluster, after planning and before the first job.
"""

import os
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from seqfuse.errors import UserError
from seqfuse.plan.submission.partitions import Partitions
from seqfuse.progress import say

# The executor's job names: the profile's prefix, and a number that each start draws anew.
_RUN = re.compile(r"(?:[\w-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECONDS_BETWEEN_LOOKS = 1.0
# Longer than a busy controller takes to answer; without an end, a dead one would be waited for.
_SECONDS_TO_ANSWER = 180.0
# What the executor tells sbatch of a job.
_SUBMITTED = (
    *("mem_mb", "runtime", "_cores", "gpu", "gpu_model", "nodes", "tasks"),
    *("slurm_partition", "slurm_account", "slurm_extra", "constraint", "qos"),
)


class Submission(NamedTuple):
    """What the profile says of how jobs are submitted."""

    partitions: str | None  # the file of `slurm-partition-config`
    arrays: str | None  # rules, as `slurm-array-jobs` names them
    slots: int | None  # most jobs in the queue at once, `jobs`
    requeue: bool

    @classmethod
    def of(cls, workflow) -> "Submission":
        """What holds for a workflow of Snakemake."""
        given = workflow.executor_settings
        slots = workflow.resource_settings.nodes
        return cls(given.partition_config, given.array_jobs, slots, given.requeue)


def prepare(folder: Path, site: Submission, jobs: Sequence) -> None:
    """Hold the resources of Snakemake's `jobs` to the site, and end the jobs of an earlier start in
    `folder`.

    Called with the lock of `folder` held, so that no other snakemake watches over jobs from here.
    """
    check_arrays(site, [(job.rule.name, job.resources) for job in jobs])
    asked = [job.resources for job in jobs]
    check(site.partitions, asked)
    check_preemption(site, asked)
    cancel(left_behind(folder))
    share_cache(folder)


def share_cache(folder: Path) -> None:
    """Let jobs, which inherit the environment, keep Snakemake's cache in `folder`.

    Its place is the home directory, which nodes may not have. That of the hub stays where it is.
    """
    if "XDG_CACHE_HOME" not in os.environ:
        os.environ.setdefault("HF_HOME", str(Path.home() / ".cache" / "huggingface"))
        os.environ["XDG_CACHE_HOME"] = str(folder / ".snakemake" / "cache")


def check(partitions: str | None, jobs: Sequence[Mapping]) -> None:
    """Hold jobs to the limits of the site's file, and ask Slurm, without submitting, for a job of
    each kind; what either refuses is a `UserError`."""
    site = Partitions.read(partitions)
    for resources in jobs:
        site.hold(resources)
    kinds = {bool(resources.get("gpu")): resources for resources in reversed(jobs)}
    for resources in kinds.values():
        names = site.candidates(resources)
        refusals = [_refusal(name, resources) for name in names]
        if all(refusals):
            where = " and ".join(name or "(the default)" for name in names)
            files = f"{partitions or '`slurm-partition-config`'} and slurm/profile.yaml"
            raise UserError(f"partition {where}: Slurm refuses: {refusals[0]}; see {files}")


def check_arrays(site: Submission, jobs: Sequence[tuple[str, Mapping]]) -> None:
    """Whether the executor can make job arrays of the rules that are to be: it asks for all tasks
    what the first one asks for, and it forgets tasks that are ready while no slot is free, and
    waits for them without end. Either is a `UserError`."""
    named = set(re.split(r"[\s,;]+", site.arrays or ""))
    tasks = [(rule, resources) for rule, resources in jobs if rule in named or "all" in named]
    for rule in dict.fromkeys(rule for rule, _ in tasks):
        kinds = {tuple(r.get(key) for key in _SUBMITTED) for one, r in tasks if one == rule}
        if len(kinds) > 1:
            first, second = list(kinds)[:2]
            asked = [k for k, a, b in zip(_SUBMITTED, first, second, strict=True) if a != b]
            raise UserError(
                f"slurm-array-jobs: the jobs of {rule} do not all ask for the same"
                f" {', '.join(asked)}, and an array takes the first one's; leave {rule} out of"
                " slurm-array-jobs in slurm/profile.yaml"
            )
    if tasks and site.slots and len(jobs) > site.slots:
        raise UserError(
            f"slurm-array-jobs: {len(jobs)} jobs are due and `jobs` is {site.slots}, so that tasks"
            f" of an array could be lost; write `jobs: {len(jobs)}` into slurm/profile.yaml, or"
            " leave slurm-array-jobs out"
        )


def check_preemption(site: Submission, jobs: Sequence[Mapping]) -> None:
    """Whether a preempted job is seen to its end: the executor leaves it to Slurm, so that Slurm
    must requeue it, and then nobody else may submit it again. Partitions whose jobs Slurm cancels,
    and a profile that says otherwise than the partitions, are a `UserError`."""
    known, preempting = Partitions.read(site.partitions), _preemptible()
    kinds = {bool(resources.get("gpu")): resources for resources in reversed(jobs)}
    names = {name for asked in kinds.values() for name in known.candidates(asked)}
    for name in sorted(names & preempting.keys()):
        if preempting[name] == "REQUEUE" and not site.requeue:
            raise UserError(
                f"partition {name}: Slurm requeues the jobs that it preempts there; write"
                " `slurm-requeue: true` in place of `slurm-no-requeue` into slurm/profile.yaml"
            )
        if preempting[name] == "CANCEL":
            raise UserError(
                f"partition {name}: Slurm cancels the jobs that it preempts there, and the executor"
                " would wait for them without end; take it out of"
                f" {site.partitions or 'slurm/profile.yaml'}"
            )


def _preemptible() -> dict[str, str]:
    """How Slurm preempts the jobs of each partition that shares a node with one of a higher tier;
    "" is the site's default partition."""
    config = run("scontrol", "show", "config")
    if not re.search(r"^PreemptType\s*=\s*preempt/partition_prio", config, re.MULTILINE):
        return {}
    shown = run("scontrol", "show", "partition", "--oneliner").splitlines()
    rows = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in shown]
    nodes: dict[str, set[str]] = {}
    for line in run("sinfo", "--noheader", "--Node", "--format=%R %N").splitlines():
        name, node = line.split()
        nodes.setdefault(name, set()).add(node)
    found = {}
    for row in rows:
        name, tier = row["PartitionName"], int(row["PriorityTier"])
        higher = (r["PartitionName"] for r in rows if int(r["PriorityTier"]) > tier)
        if any(nodes.get(name, set()) & nodes.get(other, set()) for other in higher):
            found[name] = row["PreemptMode"]
            if row.get("Default") == "YES":
                found[""] = row["PreemptMode"]
    return found


class Queued(NamedTuple):
    """A job that Slurm still has, or a task of a job array."""

    number: str  # of the array: one for all of its tasks, waiting ones too
    state: str
    comment: str  # rule and wildcards; those of an array's first task stand for all of its tasks

    @property
    def rule(self) -> str:
        return self.comment.removeprefix("rule_").split("_wildcards_")[0]


def queue(folder: Path) -> list[Queued]:
    """The jobs and tasks that the executor submitted from `folder` and that Slurm still has:
    nobody else's, and none that was submitted by hand."""
    shown = run("squeue", "--me", "--array", "--noheader", "--format=%F|%T|%j|%k|%Z")
    rows = [line.split("|", 4) for line in shown.splitlines()]
    return [
        Queued(number, state, comment)
        for number, state, name, comment, workdir in rows
        if workdir == str(folder) and _RUN.fullmatch(name)
    ]


def queued(folder: Path) -> list[str]:
    """The queue of `folder` in words, a line each job or job array."""
    jobs = queue(folder)
    told = []
    for number, rule in dict.fromkeys((job.number, job.rule) for job in jobs):
        states = Counter(job.state.lower() for job in jobs if job.number == number)
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        told.append(f"in Slurm's queue: {number} ({rule}: {counts})")
    return told


def left_behind(folder: Path) -> list[str]:
    """The numbers of the jobs and job arrays that an earlier start left in the queue."""
    return list(dict.fromkeys(job.number for job in queue(folder)))


def cancel(
    jobs: Sequence[str], why: str = "an earlier snakemake was killed here; ending its jobs first"
) -> None:
    """Cancel jobs and wait until they are gone, so that their successors find no one else.

    What they trained is not lost: a training job saves a checkpoint when it is told to end. To let
    them finish would leave results that no record of settings belongs to.
    """
    if not jobs:
        return
    say(f"{why}: {' '.join(jobs)}")
    run("scancel", *jobs)
    while set(run("squeue", "--me", "--noheader", "--format=%F").split()) & set(jobs):
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def flags(partition: str, resources: Mapping) -> list[str]:
    """What sbatch is told of a job's place: partition, GPUs, nodes, and what the site asks for."""
    model = resources.get("gpu_model")
    gpus = f"{model + ':' if model else ''}{resources.get('gpu')}" if resources.get("gpu") else ""
    asked = {
        "partition": partition,
        "gpus": gpus,
        "nodes": resources.get("nodes"),
        "account": resources.get("slurm_account"),
        "constraint": resources.get("constraint"),
        "qos": resources.get("qos"),
    }
    words = [f"--{name}={value}" for name, value in asked.items() if value]
    return words + shlex.split(resources.get("slurm_extra") or "")


def _refusal(partition: str, resources: Mapping) -> str:
    """What Slurm says against such a job in a partition; nothing if it would run it."""
    try:
        run("sbatch", "--test-only", *flags(partition, resources), "--wrap=true")
    except UserError as error:
        return str(error)
    return ""


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """The output of one of Slurm's commands; its complaint is a `UserError`."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=_SECONDS_TO_ANSWER
        )
    except FileNotFoundError:
        raise UserError(f"{command[0]}: not found; is this a node that submits jobs?") from None
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{command[0]}: no answer within {_SECONDS_TO_ANSWER:.0f} s; `scontrol ping` tells"
            " whether Slurm's controller is up"
        ) from None
    if done.returncode:
        words = " ".join(done.stderr.split()) or f"{command[0]}: it ended with {done.returncode}"
        raise UserError(re.sub(r"^(sbatch|squeue|scancel|scontrol|sinfo): error: ", r"\1: ", words))
    return done.stdout
