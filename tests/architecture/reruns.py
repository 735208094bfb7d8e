"""What runs again when something changes, observed: Snakemake says it.

Makes a small run that looks finished (its outputs are empty, what Snakemake keeps of its jobs was
written by `snakemake --touch`), gives one key of the configuration after the other another value,
and reads `snakemake --summary`: the rules that run again because their own params or inputs
changed, those with jobs that were not there before, and those that follow. The same for events:
an edit of a module, another pin, a new method.

`reruns.yaml` beside this file is that list, reviewed when it changes; docs/what-reruns.md is
printed from it:

    python tests/architecture/reruns.py > tests/architecture/reruns.yaml

With names, only these are observed: `reruns.py seeds language.training.steps`.
"""

import contextlib
import copy
import functools
import io
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from seqfuse import fingerprint
from seqfuse.settings import configuration, schema

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LISTED = HERE / "reruns.yaml"
RUN, WRITTEN, EVENTS = yaml.safe_load_all((HERE / "small_run.yaml").read_text(encoding="utf-8"))
# The catalogue entries of the small run whose keys change, and those for keys that these lack.
_ENTRY = {"datasets": "own", "models": "own-esm2"}
_ENTRY_OF = {
    "datasets.NAME.task": "demo-expression",
    "datasets.NAME.source": "published",
    "datasets.NAME.generator": "demo-promoter",
    "datasets.NAME.hub.repository": "published",
    "datasets.NAME.hub.revision": "published",
    "models.NAME.repository": "published-bert",
    "models.NAME.revision": "published-bert",
}
# The keys that a preset sets and those of catalogue entries stand for these; a set of another study
# stands in other lists, too.
_NEVER_ALONE = ("preset", "datasets", "models", "datasets.NAME.study")
_PLUGIN = """
from seqfuse.registry.controls import Control
ONE = Control("skew", "GC skew", "language", "Of the sequence.", features="own_controls:skew")
TWO = Control("skewness", "GC skew", "codons", "Of the sequence.", features="own_controls:skew")
"""
# What --summary says of an output that is due by itself.
_DUE = ("updated input files", "set of input files changed", "params changed")
# It holds every key, so that any change makes it again.
_ALWAYS = "report_settings"
_HEAD = """\
# Made by tests/architecture/reruns.py; what a changed key or an event runs again: the rules whose
# own params or inputs change, those with new jobs, and those that follow.
"""


# --- what changes ---------------------------------------------------------------------------------


def keys() -> dict[str, list[str]]:
    """Every key of the configuration and of catalogue entries, and the rules said to read it."""
    found = schema.readers(schema.schema())
    for kind in _ENTRY:
        found |= schema.readers(_entry_schema(kind), f"{kind}.NAME")
    return {key: rules for key, rules in found.items() if key not in _NEVER_ALONE}


def changes(key: str) -> Iterator[dict]:
    """Events that give a key another value: those of small_run.yaml, or one by the key's type."""
    place = key.replace("[]", ".0").split(".")
    rule = schema.schema()
    for part in place:
        if part == "NAME":
            rule = _entry_schema(place[0])
        else:
            rule = rule["items"] if part == "0" else rule["properties"][part]
        rule = schema.resolved(rule)
    if "NAME" in place:
        place[1] = _ENTRY_OF.get(key, _ENTRY[place[0]])
    for value in WRITTEN.get(key) or [_another(key, rule, _at(_resolved(), place))]:
        whole = isinstance(value, dict) and "set" in value
        yield value if whole else {"set": {".".join(place): value}}


def _entry_schema(kind: str) -> dict:
    return schema.packaged(kind)


@functools.cache
def _resolved() -> dict:
    return configuration.resolve(RUN)


def _at(node: object, place: Sequence[str]) -> object:
    """What stands there, or None."""
    for part in place:
        node = node[int(part)] if isinstance(node, list) else node.get(part, {})
    return None if node == {} else node


def _set(settings: dict, place: str, value: object) -> None:
    *sections, last = place.split(".")
    for part in sections:
        settings = (
            settings[int(part)] if isinstance(settings, list) else settings.setdefault(part, {})
        )
    settings[last] = value


def _another(key: str, rule: Mapping, value: object) -> object:
    """A value that the rule allows and that is not this one."""
    kind = schema.kind(rule)
    if "enum" in rule:
        return next(other for other in rule["enum"] if other != value)
    if kind == "boolean":
        return not value
    if kind == "array" and value:
        return value[:-1]
    if kind == "integer":
        return rule.get("minimum", 1) + 1 if value is None else value + 1
    if kind == "number":
        return 1.5 if value is None else value / 2 or 0.5
    if kind == "string" and "pattern" not in rule:
        return f"{value or ''} anew".strip()
    raise SystemExit(f"{key}: no other value follows from its type; name one in small_run.yaml")


# --- what Snakemake says --------------------------------------------------------------------------


@functools.cache
def _bases() -> dict[str, str]:
    """A rule made of another one by `use rule` counts as that one."""
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    return {name: base for base, name in re.findall(r"(?m)^use rule (\w+) as (\w+)", text)}


def _snakemake(settings: Mapping, *words: str) -> str:
    """What `snakemake` prints, called in this process."""
    from snakemake.cli import main

    said = io.StringIO()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(settings), file)
        file.flush()
        call = [*words, "--snakefile", str(ROOT / "Snakefile"), "--configfile", file.name]
        call += ["--cores", "1", "--nolock", "--", "all", "probes", "ablations"]
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                main(call)
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"snakemake: {end.code}\n{said.getvalue()}") from None
    return said.getvalue()


def _outputs(settings: Mapping) -> list[tuple[str, str, str, bool]]:
    """Of each output of the run: its path, rule and state, and whether it would be made."""
    lines = (line.split("\t") for line in _snakemake(settings, "--summary").splitlines())
    table = [line for line in lines if len(line) == 6][1:]
    return [
        (path, _bases().get(rule, rule), state, plan != "no update")
        for path, _, rule, _, state, plan in table
    ]


def _finish() -> None:
    """Make the small run in this folder."""
    from snakemake.executors import touch

    touch.Executor.SLEEPING_TIME = 0  # before each job
    own = [item["path"] for entry in RUN["datasets"].values() for item in entry.get("files", [])]
    own += ["own/values.csv", "own/other.csv", "own/genome.fa", "own/other.fa", "own/records.vcf"]
    own.append("elsewhere/own/records.csv")  # of a mirror
    own += [f"{entry['path']}/config.json" for entry in RUN["models"].values() if "path" in entry]
    for path in map(Path, [*own, *(path for path, *_ in _outputs(RUN))]):
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        else:
            path.mkdir(parents=True, exist_ok=True)
    Path("own/own_controls.py").write_text(_PLUGIN)
    _snakemake(RUN, "--touch", "--forceall", "--quiet", "all")


def _happen(event: Mapping) -> dict:
    """The settings after an event; what it edits is edited for this process alone."""
    settings = copy.deepcopy(RUN)
    for place, value in event.get("set", {}).items():
        _set(settings, place, value)
    if "file" in event:
        os.chdir(shutil.copytree(".", tempfile.mkdtemp(dir=".."), dirs_exist_ok=True))
        Path(event["file"]).write_text("anew")
    edited = {event[kind] for kind in ("module", "pin") if kind in event}
    real = fingerprint.code

    def code(*modules: str) -> str:
        covered = fingerprint.closure(*modules)
        return real(*modules) + "*" * len(edited & {*covered.modules, *covered.distributions})

    fingerprint.code = code
    return settings


def _observed(task: tuple[str, Mapping]) -> tuple[str, list[tuple[str, str, bool]]]:
    """What becomes of each output of the run, by rule, when something happens."""
    name, event = task
    return name, [row[1:] for row in _outputs(_happen(event))]


def observe(names: Sequence[str] = ()) -> dict[str, dict[str, list[str]]]:
    """Of each key and event, or of these: the rules that run again, are new, and follow."""
    tasks = [(key, event) for key in keys() for event in changes(key)]
    tasks += [(f"event: {name}", event) for name, event in EVENTS.items()]
    tasks = [("nothing", {}), *(task for task in tasks if not names or task[0] in names)]
    rows: dict[str, list] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("run").mkdir()
        os.chdir("run")
        _finish()
        # Each in a process of its own, which inherits what Snakemake has imported and hashed.
        with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as pool:
            for name, found in pool.imap(_observed, tasks):
                rows.setdefault(name, []).extend(found)
    due = {name: _summed(found) for name, found in rows.items()}
    if any(due.pop("nothing").values()):
        raise RuntimeError("the small run is not finished: where nothing changes, jobs are due")
    return due


def _summed(rows: Sequence[tuple[str, str, bool]]) -> dict[str, list[str]]:
    again = {rule for rule, state, _ in rows if state in _DUE}
    new = {rule for rule, state, _ in rows if state == "missing"}
    planned = {rule for rule, _, planned in rows if planned}
    rules = {"again": again, "new": new, "follows": planned - again - new}
    return {kind: sorted(found - {_ALWAYS}) for kind, found in rules.items()}


if __name__ == "__main__":
    print(_HEAD + yaml.safe_dump(observe(sys.argv[1:]), width=100, default_flow_style=None), end="")
