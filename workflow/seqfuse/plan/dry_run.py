"""What a dry run of snakemake plans: its jobs, read from the text that it prints."""

import argparse
import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from seqfuse.errors import UserError

# What the Snakefile puts before each thing that a run would stop for.
LACKING = "a run would stop: "
_START = re.compile(r"^(?:local)?(?:rule|checkpoint) (\S+):$")
_FIELD = re.compile(r"^    (reason|wildcards|resources|output|benchmark): (.*)$")
_FOLLOWS = "Input files updated by another job"
_COMMAND = "Shell command: "
# The parameter that stands for code, as `seqfuse.fingerprint` writes it.
_HASHES = re.compile(r"code (?P<code>\w+), packages (?P<packages>\w+)")
_CHANGES = {
    "code": "its code changed",
    "packages": "a locked version that it imports changed (envs/requirements.lock)",
}


@dataclass
class Job:
    """One job of the plan; resources as Snakemake prints them, "<TBD>" where inputs are missing."""

    rule: str
    reason: str = ""
    output: str = ""
    benchmark: str = ""
    wildcards: str = ""
    command: str = ""
    resources: dict[str, str] = field(default_factory=dict)

    @property
    def followed(self) -> list[str]:
        """The inputs that other planned jobs make anew, where that is why it runs."""
        return _files(self.reason) if self.reason.startswith(_FOLLOWS) else []

    @property
    def outdated(self) -> bool:
        """Whether it runs for nothing but its code, or the locked versions that this imports."""
        return set(explain(self).split("; ")) <= set(_CHANGES.values())


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
    found = [*targets]
    for name in ("profile", "config", "configfile"):
        value = getattr(args, name)
        if value:
            found += [f"--{name}", *([value] if isinstance(value, str) else value)]
    return found


def plan(call: Sequence[str]) -> list[Job]:
    """The jobs that `snakemake <call>` would run, in its order; its own complaint if it would not.

    Needs no cores: a plan is made for a dry run. What a run would stop for goes to standard error.
    """
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--nolock"]
    run = subprocess.run([*command, *call], capture_output=True, text=True)
    said = run.stderr + run.stdout
    if run.returncode:
        raise UserError(f"snakemake cannot plan this: {_last_words(said)}")
    for line in said.splitlines():
        if line.startswith(LACKING):
            print(line, file=sys.stderr)
    return parse(said)


def parse(text: str) -> list[Job]:
    """The jobs that a dry run printed, the targets' own rules without a command left out."""
    jobs: list[Job] = []
    for line in text.splitlines():
        start, found = _START.match(line), _FIELD.match(line)
        if start:
            jobs.append(Job(start[1]))
        elif found and jobs:
            name, value = found.groups()
            if name == "resources":
                jobs[-1].resources = dict(
                    part.split("=", 1) for part in value.split(", ") if "=" in part
                )
            else:
                setattr(jobs[-1], name, value)
        elif line.startswith(_COMMAND):
            jobs[-1].command = line.removeprefix(_COMMAND)
    return [job for job in jobs if job.command not in ("", "None")]


def explain(job: Job) -> str:
    """Snakemake's own reason for one job in a few words, what changed named; "" if it follows."""
    reason = job.reason
    if reason.startswith("Missing output files"):
        return "not made yet"
    if reason.startswith(_FOLLOWS):
        return ""
    if reason.startswith("Updated input files"):
        files = _files(reason)
        return f"{files[0]} changed" + (f", and {len(files) - 1} more" if files[1:] else "")
    change = re.search(r"before: (.*) now: (.*)", reason)
    if reason.startswith("Params have changed") and change:
        return _changed(*(_values(side) for side in change.groups()))
    return reason


def makers(jobs: Sequence[Job]) -> dict[str, str]:
    """The rule that makes each planned file."""
    return {file: job.rule for job in jobs for file in job.output.split(", ")}


def _files(reason: str) -> list[str]:
    return reason.split(": ", 1)[1].split("; ")[0].split(", ")


def _changed(before: list[str], now: list[str]) -> str:
    """What differs between the parameters of two runs of a rule."""
    said = []
    for old, new in zip(before, now, strict=False):
        was, is_ = _parts(old), _parts(new)
        for name in {**was, **is_}:
            if was.get(name) != is_.get(name):
                change = f"{_short(was.get(name))} -> {_short(is_.get(name))}"
                said.append(_CHANGES.get(name, f"{name} {change}".strip()))
    return "; ".join(dict.fromkeys(said)) or "its settings changed"


def _parts(text: str) -> dict[str, object]:
    """The named parts of one parameter: of a hash, of flags, of JSON; else itself."""
    hashes = _HASHES.fullmatch(text)
    if hashes:
        return hashes.groupdict()
    if text.startswith("--"):
        parts = re.split(r"(?:^| )(--[\w-]+)", text)[1:]
        return {flag: value.strip() for flag, value in zip(parts[::2], parts[1::2], strict=True)}
    if text.startswith("{"):
        return dict(_leaves(json.loads(text)))
    return {"": text}


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of nested mappings, by their dotted names."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, child in value.items():
        yield from _leaves(child, f"{name}.{key}" if name else key)


def _values(text: str) -> list[str]:
    """Values as Snakemake lists them; each kind in one order, so that before and now pair up."""
    try:
        values = ast.literal_eval(f"[{text}]")
    except (SyntaxError, ValueError):
        values = [text]
    return sorted(map(str, values), key=lambda value: (not _HASHES.fullmatch(value), value))


def _short(value: object) -> str:
    text = "nothing" if value is None else " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()]
    return " ".join((told or lines)[-1].split())
