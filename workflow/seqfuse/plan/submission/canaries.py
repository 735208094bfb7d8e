"""Canaries: one small job on each partition that jobs with GPUs may go to, before they do.

They are submitted when a run starts, and the run waits for them: a fault that one of them finds
would stop every training job, and the user is still at the terminal. Their tables are in the run's
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
from seqfuse.plan.run import Run
from seqfuse.plan.submission import slurm
from seqfuse.plan.submission.launch import launched
from seqfuse.plan.submission.partitions import Partitions
from seqfuse.progress import say

# Most of this time is spent on starting.
_MINUTES = 5
# torch and a CUDA context in each process.
_MB_A_PROCESS = 4000
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Request:
    """A kind of job with GPUs: the resources that it requests from Slurm, and the command that
    starts a canary in the same way (`launched`)."""

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
    """One request for each kind of job with GPUs among Snakemake's `jobs`."""
    several, kinds = gpu["count"] * gpu["nodes"], {}
    for job in jobs:
        gpus = job.resources.get("gpu")
        if gpus and gpus == several > 1:
            command = launched(f"seqfuse canary --gpus {gpu['count']}", gpu, threads)
            kinds["training"] = Request("training", job.resources, command, several)
        elif gpus:
            command = "seqfuse canary --gpus 1"
            kinds["one_gpu"] = Request("one_gpu", job.resources, command)
    return list(kinds.values())


def shared_folders(jobs: Sequence, run: Run) -> dict[str, str]:
    """The folders that nodes must share for these jobs, by purpose."""
    models = {
        Path(path).parent.name.removesuffix("@random")
        for job in jobs
        for path in job.input
        if Path(path).match(f"{run.results}/data/models/*/{MANIFEST}")
    }
    folders = {"results": run.results, "store": run.settings["store"]}
    # The folders of models from the hub are links into its cache.
    linked = any(run.settings["models"][name]["kind"] == "hub" for name in models)
    return folders | ({"HF_HOME": hub_home()} if linked else {})


def written_mb(jobs: Sequence) -> dict[str, int]:
    """The most that these jobs write into the store and elsewhere (MB), as far as it is known."""
    total = {"results": 0, "store": 0}
    for job in jobs:
        known = job.resources.get("disk_mb")
        if isinstance(known, int):
            total["store" if job.rule.name == "embeddings" else "results"] += known
    return total


def before_submission(jobs: Sequence, run: Run, threads: int, partitions: str | None) -> None:
    """Try what Snakemake's `jobs` need, unless none of them requests a GPU."""
    kinds = requests(jobs, run.settings["gpu"], threads)
    if kinds:
        here = look(shared_folders(jobs, run), written_mb(jobs))
        memory_gb = run.settings["gpu"]["memory_gb"]
        try_partitions(kinds, partitions, here, Path(run.results), memory_gb)


def try_partitions(
    requests: Sequence[Request],
    partitions: str | None,
    here: Submitted,
    results: Path,
    memory_gb: float | None,
) -> None:
    """Run a canary for each request on each partition it may go to. A `UserError` has one line for
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
    complaints = [line for canary in waiting.values() for line in _complaints(canary, here.start)]
    if complaints:
        raise UserError("\n".join(["no job is submitted; canaries found:", *complaints]))


def _submit(canary: _Canary, here: Submitted, memory_gb: float | None) -> str:
    """Submit a canary; the number of its job."""
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


def _complaints(canary: _Canary, start: str) -> list[str]:
    """The checks that failed on a canary; that it left no findings is a complaint, too."""
    # A shared file system may show the file a moment after the job has ended.
    for _ in range(10):
        if canary.findings.is_file():
            break
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    else:
        return [f"{canary.name}: it left no findings; see {canary.log}"]
    return findings.complaints(canary.findings, start)
