"""Canaries on the cluster: one on each partition that jobs with GPUs may go to, before they do.

They are submitted when a run starts and waited for, because a fault that one of them finds would
stop every training job, and the user is still at the terminal. Their tables stand in the run's
logs; each check that failed is one line of the error.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqfuse.canary import findings
from seqfuse.canary.submitted import VARIABLE, Submitted, hub_home, look
from seqfuse.errors import UserError
from seqfuse.files import MANIFEST
from seqfuse.plan import slurm
from seqfuse.plan.launch import launched
from seqfuse.plan.partitions import Partitions
from seqfuse.plan.run import Run
from seqfuse.progress import say

# Most of them are spent on starting.
_MINUTES = 5
# torch and a CUDA context in each process.
_MB_A_PROCESS = 4000
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Request:
    """A kind of job with GPUs: the resources that it asks of Slurm, and the command that starts a
    canary as such a job is started (`launched`)."""

    name: str
    resources: Mapping
    command: str
    processes: int = 1


@dataclass(frozen=True)
class _Canary:
    request: Request
    partition: str
    findings: Path
    log: Path

    @property
    def name(self) -> str:
        return f"{self.partition or 'default'}.{self.request.name}"


def requests(jobs: Sequence, gpu: Mapping, threads: int) -> list[Request]:
    """One request for each kind of job with GPUs among `jobs` of a plan, which have `resources`."""
    several, found = gpu["count"] * gpu["nodes"], {}
    for job in jobs:
        asked = job.resources.get("gpu")
        if asked and asked == several > 1:
            command = launched(f"seqfuse canary --gpus {gpu['count']}", gpu, threads)
            found["training"] = Request("training", job.resources, command, several)
        elif asked:
            command = "seqfuse canary --gpus 1"
            found["one_gpu"] = Request("one_gpu", job.resources, command)
    return list(found.values())


def shared_folders(jobs: Sequence, run: Run) -> dict[str, str]:
    """The folders that nodes must have for these jobs, by what they are for."""
    models = {
        Path(path).parent.name.removesuffix("@random")
        for job in jobs
        for path in job.input
        if Path(path).match(f"{run.results}/data/models/*/{MANIFEST}")
    }
    folders = {"results": run.results, "store": run.settings["store"]}
    # Models of the hub are links into its cache.
    linked = any(run.settings["models"][name]["kind"] == "hub" for name in models)
    return folders | ({"HF_HOME": hub_home()} if linked else {})


def written_mb(jobs: Sequence) -> dict[str, int]:
    """What these jobs write at most into the store and elsewhere (MB), as far as it is known."""
    total = {"results": 0, "store": 0}
    for job in jobs:
        known = job.resources.get("disk_mb")
        if isinstance(known, int):
            total["store" if job.rule.name == "embeddings" else "results"] += known
    return total


def before_submission(jobs: Sequence, run: Run, threads: int, partitions: str | None) -> None:
    """Try what `jobs` of a plan need; nothing where none of them asks for a GPU."""
    asked = requests(jobs, run.settings["gpu"], threads)
    if asked:
        here = look(shared_folders(jobs, run), written_mb(jobs))
        memory_gb = run.settings["gpu"]["memory_gb"]
        try_partitions(asked, partitions, here, Path(run.results), memory_gb)


def try_partitions(
    requests: Sequence[Request],
    partitions: str | None,
    here: Submitted,
    results: Path,
    memory_gb: float | None,
) -> None:
    """Run a canary for each request on each partition it may go to; a `UserError` with a line for
    each check that failed."""
    waiting = {}
    for request in requests:
        for partition in Partitions.read(partitions).candidates(request.resources):
            name = f"{partition or 'default'}.{request.name}"
            log = results / "logs" / "canary" / f"{name}.log"
            canary = _Canary(request, partition, results / "canary" / f"{name}.json", log)
            waiting[_submit(canary, here, memory_gb)] = canary
    try:
        _wait(waiting)
    except BaseException:
        slurm.run("scancel", *waiting)
        raise
    complaints = [line for canary in waiting.values() for line in _told(canary, here.start)]
    if complaints:
        raise UserError("\n".join(["no job is submitted; canaries found:", *complaints]))


def _submit(canary: _Canary, here: Submitted, memory_gb: float | None) -> str:
    """The number of the job."""
    for path in (canary.findings, canary.log):
        path.parent.mkdir(parents=True, exist_ok=True)
    canary.findings.unlink(missing_ok=True)
    request = canary.request
    nodes = request.resources.get("nodes") or 1
    words = slurm.flags(canary.partition, request.resources)
    words += [f"--time={_MINUTES}", f"--mem={_MB_A_PROCESS * request.processes // nodes}"]
    words += [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    words += ["--job-name=seqfuse_canary", "--no-requeue", f"--output={canary.log}"]
    command = f'{request.command} --request {request.name} --submitted "${VARIABLE}"'
    command += f" --findings {canary.findings}"
    command += f" --memory-gb {memory_gb:g}" if memory_gb else ""
    environment = {**os.environ, VARIABLE: here.dumps()}
    submitted = slurm.run("sbatch", "--parsable", *words, f"--wrap={command}", env=environment)
    return submitted.strip().split(";")[0]


def _wait(waiting: Mapping[str, _Canary]) -> None:
    names = ", ".join(canary.name for canary in waiting.values())
    say(f"canary: a job of a minute on each partition, before anything trains: {names}")
    while set(slurm.run("squeue", "--me", "--noheader", "--format=%A").split()) & set(waiting):
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _told(canary: _Canary, start: str) -> list[str]:
    """What a canary complains of; one that told nothing is a complaint, too."""
    # A shared file system may show the file a moment after the job has ended.
    for _ in range(10):
        if canary.findings.is_file():
            break
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    else:
        return [f"{canary.name}: it ended without a word; see {canary.log}"]
    return findings.complaints(canary.findings, start)
