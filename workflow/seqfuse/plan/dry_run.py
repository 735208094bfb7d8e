"""The plan of a dry run of snakemake: its jobs, as the Snakefile's `JobLog` records them."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse.errors import UserError, lines
from seqfuse.plan import job_log
from seqfuse.settings import yaml_files

# How the Snakefile begins a line about what would stop a run.
LACKING = "a run would stop: "


@dataclass
class Job:
    """One job of the plan; resources as Snakemake prints them, "<TBD>" where inputs are missing.

    `reason` is the job's own in a few words; "" if it runs only because other jobs make `followed`,
    which it reads, again.
    """

    rule: str
    reason: str = ""
    followed: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    benchmark: str = ""
    wildcards: str = ""
    command: str = ""
    resources: dict[str, str] = field(default_factory=dict)

    @property
    def outdated(self) -> bool:
        """Whether it runs only because its code, or a locked version that this imports, changed."""
        return not self.followed and {*self.reason.split("; ")} <= {job_log.CODE, job_log.PACKAGES}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of snakemake that change its plan."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="rules or files to make (default: the report)"
    )
    parser.add_argument("--profile", help="as for snakemake: slurm or workstation")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake"
    )
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="as for snakemake"
    )


def words(args: argparse.Namespace, targets: Sequence[str]) -> list[str]:
    """These arguments as words of a snakemake call, with other targets."""
    for file in args.configfile or ():
        yaml_files.read(Path(file))  # Snakemake names neither file nor line of bad YAML
    call = [*targets]
    for name in ("profile", "config", "configfile"):
        value = getattr(args, name)
        if value:
            call += [f"--{name}", *([value] if isinstance(value, str) else value)]
    return call


def plan(call: Sequence[str], checkout: Path | None = None) -> list[Job]:
    """The jobs that `snakemake <call>` would run, as `planned` returns them."""
    return planned(call, checkout)[0]


def planned(call: Sequence[str], checkout: Path | None = None) -> tuple[list[Job], dict]:
    """The jobs that `snakemake <call>` would run, in its order, and the settings that it resolves.

    Target rules, which have no command, are left out. With `checkout`, that checkout's own package
    makes the plan. What would stop a run is printed to standard error. If Snakemake cannot plan,
    its message is the `UserError`.
    """
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", *call]
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        environment = os.environ | {job_log.PLAN: file.name}
        if checkout:
            environment["PYTHONPATH"] = str(checkout / "workflow")
        run = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
        recorded = [json.loads(line) for line in file.read().splitlines()]
    printed = (run.stderr + run.stdout).splitlines()
    if run.returncode:
        raise UserError(lines("snakemake cannot plan this", _complaint(printed)))
    for line in printed:
        if line.startswith(LACKING):
            print(line, file=sys.stderr)
    jobs = [Job(**entry) for entry in recorded if "settings" not in entry]
    settings = next((entry["settings"] for entry in recorded if "settings" in entry), {})
    return [job for job in jobs if job.command], settings


def makers(jobs: Sequence[Job]) -> dict[str, str]:
    """The rule that makes each planned file."""
    return {file: job.rule for job in jobs for file in job.outputs}


def _complaint(printed: Sequence[str]) -> str:
    """The Snakefile's own error messages, or the line that is most likely Snakemake's."""
    starts = ("configuration error: ", "cannot run here: ")
    own = [line for line in printed if line.startswith(starts)]
    filled = [" ".join(line.split()) for line in printed if line.strip()]
    errors = [line for line in filled if "error" in line.lower()]
    return "\n".join(own) or (errors or filled)[-1]
