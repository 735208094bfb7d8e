"""Shorten what Snakemake logs about each job: its reason in a few words.

For a job whose params changed, Snakemake prints all old and new values, which may be tens of
kilobytes. `JobLog` is a filter of its logger: it names what changed instead. If the variable PLAN
names a file, it also records each job there for `dry_run.plan`. Log records have the fields that
Snakemake promises to logger plugins; the reason comes from its graph.
"""

import ast
import itertools
import json
import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# The environment variable with the file to which each job is added as a line of JSON.
PLAN = "SEQFUSE_PLAN"
NOT_MADE = "not made yet"
CODE = "its code changed"
PACKAGES = "a locked version that it imports changed (envs/requirements.lock)"
# The parameter with the hash of the code, as `seqfuse.fingerprint` writes it.
_HASHES = re.compile(r"code (?P<code>\w+), packages (?P<packages>\w+)")
_CHANGES = {"code": CODE, "packages": PACKAGES}
# Changes that are shown; another preset changes a hundred keys.
_MOST = 8


class JobLog(logging.Filter):
    """Shortens the reasons of a workflow's jobs; `settings`, resolved, are recorded with them."""

    def __init__(self, workflow, settings: Mapping | None = None):
        super().__init__()
        self._workflow, self._jobs = workflow, {}
        if PLAN in os.environ:
            _add({"settings": settings or {}})

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == "job_info":
            job = self._job(record.jobid)
            reason, names = self._workflow.dag.reason(job), _names(job.params)
            if reason.params_changed:
                changed = "; ".join(_changed(reason.params_changed, names))
                record.reason = record.reason.replace(str(reason.params_changed), changed)
            if PLAN in os.environ:
                _record(record, reason, names)
        return True

    def _job(self, number: int):
        dag = self._workflow.dag
        if number not in self._jobs:
            self._jobs = {dag.jobid(job): job for job in dag.jobs}
        return self._jobs[number]


def explain(reason, text: str, names: Mapping[str, str]) -> str:
    """Snakemake's reason for a job in a few words; "" if it only follows other jobs.

    `text` is Snakemake's own wording; `names` maps the `repr` of a parameter to its name.
    """
    if reason.missing_output:
        return NOT_MADE
    updated = sorted(reason.updated_input - reason.updated_input_run)
    if updated:
        return f"{updated[0]} changed" + (f", and {len(updated) - 1} more" if updated[1:] else "")
    if reason.params_changed:
        return "; ".join(_changed(reason.params_changed, names))
    return "" if reason.updated_input_run else text


def changes(before: Collection[str], now: Collection[str], names: Mapping[str, str]) -> list[str]:
    """The differences between the parameters of two runs of a job, each given as its `repr`."""
    old, new = _parts(before), _parts(now)
    changed = [
        _CHANGES.get(name) or f"{name} {_short(old.get(name))} -> {_short(new.get(name))}".strip()
        for name in {**old, **new}
        if name not in old or name not in new or old[name] != new[name]
    ]
    # Only the present values have names.
    for was, is_ in itertools.zip_longest(_whole(before), _whole(now), fillvalue="None"):
        change = f"{_short(_value(was))} -> {_short(_value(is_))}"
        changed.append(f"{names.get(is_, '')} {change}".strip())
    more = [f"and {len(changed) - _MOST} more"] if changed[_MOST:] else []
    return [*changed[:_MOST], *more]


def _changed(params, names: Mapping[str, str]) -> list[str]:
    return changes(params.only_old, params.only_new, names) or ["its settings changed"]


def _names(params) -> dict[str, str]:
    return {repr(value): name for name, value in params.items()}


def _record(record: logging.LogRecord, reason, names: Mapping[str, str]) -> None:
    """Add a job to the plan, as `dry_run.Job` reads it."""
    job = {
        "rule": record.rule_name,
        "reason": explain(reason, record.reason, names),
        "followed": [] if reason.missing_output else sorted(reason.updated_input_run),
        "outputs": record.output,
        "benchmark": record.benchmark or "",
        "wildcards": ", ".join(f"{name}={value}" for name, value in record.wildcards.items()),
        "command": record.shellcmd or "",
        "resources": {name: str(value) for name, value in record.resources.items()},
    }
    _add(job)


def _add(line: dict) -> None:
    with open(os.environ[PLAN], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps(line) + "\n")


def _parts(values: Collection[str]) -> dict[str, Any]:
    """The named parts of parameters that are hashes, flags, JSON or mappings."""
    return {name: part for value in values for name, part in _named(_value(value))}


def _whole(values: Collection[str]) -> list[str]:
    """The parameters without named parts, sorted by type and value, so that old and new match."""
    whole = (value for value in values if not list(_named(_value(value))))
    return sorted(whole, key=lambda value: (type(_value(value)).__name__, value))


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from _leaves(value)
    elif not isinstance(value, str):
        return
    elif hashes := _HASHES.fullmatch(value):
        yield from hashes.groupdict().items()
    elif value.startswith("--"):
        flags = re.split(r"(?:^| )(--[\w-]+)", value)[1:]
        yield from zip(flags[::2], map(str.strip, flags[1::2]), strict=True)
    elif value.startswith("{"):
        yield from _leaves(json.loads(value))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings, by their dotted names."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, child in value.items():
        yield from _leaves(child, f"{name}.{key}" if name else key)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _short(value: Any) -> str:
    text = "nothing" if value is None else " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
