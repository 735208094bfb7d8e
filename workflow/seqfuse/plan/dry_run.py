"""What a dry run of snakemake plans: its jobs, as the Snakefile's `JobLog` writes them down."""

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

# What the Snakefile puts before each thing that a run would stop for.
LACKING = "a run would stop: "


@dataclass
class Job:
    """One job of the plan; resources as Snakemake prints them, "<TBD>" where inputs are missing.

    `reason` is its own in a few words, "" if it runs only because other jobs make `followed`, which
    it reads, anew.
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
        """Whether it runs for nothing but its code, or the locked versions that this imports."""
        return not self.followed and {*self.reason.split("; ")} <= {job_log.CODE, job_log.PACKAGES}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of a snakemake call that change its plan."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="rules or files; default: the report"
    )
    parser.add_argument("--profile", help="as of snakemake: slurm, workstation")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="as of snakemake"
    )
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="as of snakemake"
    )


def words(args: argparse.Namespace, targets: Sequence[str]) -> list[str]:
    """The same as words of a snakemake call, with other targets."""
    for file in args.configfile or ():
        yaml_files.read(Path(file))  # of bad YAML, Snakemake names neither file nor line
    found = [*targets]
    for name in ("profile", "config", "configfile"):
        value = getattr(args, name)
        if value:
            found += [f"--{name}", *([value] if isinstance(value, str) else value)]
    return found


def plan(call: Sequence[str], checkout: Path | None = None) -> list[Job]:
    """The jobs that `snakemake <call>` would run: those of `planned`."""
    return planned(call, checkout)[0]


def planned(call: Sequence[str], checkout: Path | None = None) -> tuple[list[Job], dict]:
    """The jobs that `snakemake <call>` would run, in its order, and the settings that it resolves;
    the targets' own rules, which have no command, are left out. Of another checkout, its own
    package makes the plan.

    Needs no cores: a plan is made for a dry run. What a run would stop for goes to standard error;
    if Snakemake cannot plan, its own complaint is the `UserError`.
    """
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", *call]
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        environment = os.environ | {job_log.PLAN: file.name}
        if checkout:
            environment["PYTHONPATH"] = str(checkout / "workflow")
        run = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
        written = [json.loads(line) for line in file.read().splitlines()]
    said = (run.stderr + run.stdout).splitlines()
    if run.returncode:
        raise UserError(lines("snakemake cannot plan this", _complaint(said)))
    for line in said:
        if line.startswith(LACKING):
            print(line, file=sys.stderr)
    jobs = [Job(**line) for line in written if "settings" not in line]
    settings = next((line["settings"] for line in written if "settings" in line), {})
    return [job for job in jobs if job.command], settings


def makers(jobs: Sequence[Job]) -> dict[str, str]:
    """The rule that makes each planned file."""
    return {file: job.rule for job in jobs for file in job.outputs}


def _complaint(said: Sequence[str]) -> str:
    """The Snakefile's own complaints, or what is most likely Snakemake's."""
    own = [line for line in said if line.startswith(("configuration error: ", "cannot run here: "))]
    words = [" ".join(line.split()) for line in said if line.strip()]
    told = [line for line in words if "error" in line.lower()]
    return "\n".join(own) or (told or words)[-1]
