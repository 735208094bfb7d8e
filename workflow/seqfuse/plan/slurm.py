"""Before jobs go to Slurm: whether the site takes them, and what an earlier start left behind.

`prepare` is called when a run starts on the cluster, after planning and before the first job.
"""

import itertools
import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.progress import say
from seqfuse.settings.yaml_files import load_yaml

# The executor's job names: the profile's prefix, and a number that each start draws anew.
_RUN = re.compile(r"(?:[\w-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECONDS_BETWEEN_LOOKS = 1.0


def prepare(folder: Path, partitions: str | None, jobs: Sequence[Mapping]) -> None:
    """Hold the resources of `jobs` to the site, and end the jobs of an earlier start in `folder`.

    Called with the lock of `folder` held, so that no other snakemake watches over jobs from here.
    """
    check(partitions, jobs)
    cancel(left_behind(folder))
    share_cache(folder)


def share_cache(folder: Path) -> None:
    """Let jobs, which inherit the environment, keep Snakemake's cache in `folder`.

    Its place is the home directory, which nodes may not have. That of the hub stays where it is.
    """
    if "XDG_CACHE_HOME" not in os.environ:
        os.environ.setdefault("HF_HOME", str(Path.home() / ".cache" / "huggingface"))
        os.environ["XDG_CACHE_HOME"] = str(folder / ".snakemake" / "cache")


def candidates(partitions: str | None, resources: Mapping) -> list[str]:
    """The partitions that a job may go to; "" is the site's default."""
    return _candidates(_partitions(partitions), resources, partitions)


def check(partitions: str | None, jobs: Sequence[Mapping]) -> None:
    """Ask Slurm, without submitting, for a job of each kind; what it refuses is a `UserError`."""
    known = _partitions(partitions)
    kinds = {bool(resources.get("gpu")): resources for resources in reversed(jobs)}
    for resources in kinds.values():
        names = _candidates(known, resources, partitions)
        refusals = [_refusal(name, resources) for name in names]
        if all(refusals):
            where = " and ".join(name or "(the default)" for name in names)
            site = f"{partitions or '`slurm-partition-config`'} and slurm/profile.yaml"
            raise UserError(f"partition {where}: Slurm refuses: {refusals[0]}; see {site}")


def left_behind(folder: Path) -> list[str]:
    """The numbers of the jobs that another start submitted from `folder` and that still queue.

    Only the executor's own jobs count: nobody else's, and none that was submitted by hand.
    """
    found = run("squeue", "--me", "--noheader", "--format=%A|%j|%Z")
    rows = [line.split("|", 2) for line in found.splitlines()]
    here = str(folder)
    return [job for job, name, workdir in rows if workdir == here and _RUN.fullmatch(name)]


def cancel(jobs: Sequence[str]) -> None:
    """Cancel jobs and wait until they are gone, so that their successors find no one else.

    What they trained is not lost: a training job saves a checkpoint when it is told to end. To let
    them finish would leave results that no record of settings belongs to.
    """
    if not jobs:
        return
    say(f"an earlier snakemake was killed here; ending its jobs first: {' '.join(jobs)}")
    run("scancel", *jobs)
    while set(run("squeue", "--me", "--noheader", "--format=%A").split()) & set(jobs):
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _partitions(path: str | None) -> Mapping[str, Mapping]:
    if not path:
        return {}
    known = load_yaml(Path(path)).get("partitions")
    if not known:
        raise UserError(f"{path}: no partition is named; write them under `partitions:`")
    return known


def _candidates(known: Mapping[str, Mapping], resources: Mapping, path: str | None) -> list[str]:
    """The partitions that a job may go to; "" is the site's default."""
    if resources.get("slurm_partition"):
        return [resources["slurm_partition"]]
    if not known:
        return [""]
    model = resources.get("gpu_model")
    if not resources.get("gpu"):
        return list(known)
    names = [name for name, limits in known.items() if limits.get("max_gpu")]
    models = {name: known[name].get("available_gpu_models") or [] for name in names}
    names = [name for name in names if not model or model in models[name]]
    if not names:
        offered = sorted(set(itertools.chain(*models.values())))
        raise UserError(
            f"{path}: no partition offers the GPU model {model!r} of `gpu.model`; "
            f"there: {', '.join(offered) or 'no GPU'}"
        )
    return names


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
        done = subprocess.run(command, capture_output=True, text=True, env=env)
    except FileNotFoundError:
        raise UserError(f"{command[0]}: not found; is this a node that submits jobs?") from None
    if done.returncode:
        words = " ".join(done.stderr.split()) or f"{command[0]}: it ended with {done.returncode}"
        raise UserError(re.sub(r"^(sbatch|squeue|scancel): error: ", r"\1: ", words))
    return done.stdout
