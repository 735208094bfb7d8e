"""Print the parts of the documentation that the code determines.

    python docs/build.py          writes docs/configuration.md, docs/what-reruns.md, the table of
                                  presets in README.md, the DAG in docs/usage.md, and tables of
                                  the study, fused encoders, controls and sources in docs/results.md
    python docs/build.py --check  changes nothing, fails when one of them is out of step

The configuration's reference comes from the schemas in workflow/seqfuse/settings/, what runs again
from tests/architecture/reruns.yaml, the picture of the DAG from `snakemake --rulegraph`, and the
tables from docs/study/*.csv and docs/measured/**/*.csv.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import control_tables
import fused_tables
import source_tables
import study_tables
import what_reruns
import yaml

from seqfuse.settings import schema

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / "docs" / "configuration.md"
RERUNS = ROOT / "docs" / "what-reruns.md"
README = ROOT / "README.md"
USAGE = ROOT / "docs" / "usage.md"
RESULTS = ROOT / "docs" / "results.md"
# What stands between `<!-- NAME: printed by `make docs` -->` and `<!-- NAME: end -->`.
TABLES = {
    "controls": control_tables.section,
    "fused": fused_tables.section,
    "sources": source_tables.section,
    "study": study_tables.section,
}
SAME = {"codons_train_weighed": "codons_train", "sequences_codons": "sequences"}
HIDDEN = {"all", "report_settings"}
ENTRIES = {
    "datasets": "A dataset of your own, or one of `resources/datasets.yaml`.",
    "models": "A model of your own, or one of `resources/models.yaml`.",
}
HEAD = """# Configuration

Printed from `workflow/seqfuse/settings/*.schema.yaml` by `make docs`; do not edit.

`config.yaml` overrides `workflow/presets/<preset>.yaml`, which overrides the defaults below;
`--config key=value` on the command line overrides all of them. An unknown key, a wrong type, or a
dataset, model, method or arm that does not exist is refused with one line. So are repeated items of
a list, and a dataset of one study in a list of the other.

A name that you give to a dataset, model, suite, variant or run is made of `A-Z`, `a-z`, `0-9`, `.`,
`_` and `-` and begins with a letter or a digit. `+` and `@` separate a suffix: `NAME+cluster` is a
set with another split, `NAME@random` a model with random weights. Folders may have any name.

"Read by" names the rules that read a key directly and run again when it changes; rules further down
the DAG follow through their files: [what-reruns.md](what-reruns.md). A key that no rule reads
changes no result, but the report shows it; `preset` acts through the keys that it sets.
"""


def main() -> int:
    """Write or check them all; the exit status says whether they were in step."""
    wanted = list(pages())
    if "--check" not in sys.argv[1:]:
        for path, text in wanted:
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path.name for path, text in wanted if not _holds(path, text)]
    print("out of step, run `make docs`: " + ", ".join(stale) if stale else "in step")
    return 1 if stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def pages() -> Iterator[tuple[Path, str]]:
    """Each file and what it should hold."""
    told = "".join(section("", schema.schema()))
    for name, what in ENTRIES.items():
        rule = schema.packaged(name)
        told += "".join(section(f"{name}.NAME", rule | {"description": what}, missing=""))
    yield CONFIGURATION, HEAD + told
    yield RERUNS, what_reruns.page()
    yield README, between(README.read_text(encoding="utf-8"), "presets", presets())
    usage = USAGE.read_text(encoding="utf-8")
    picture = f"```mermaid\n{rulegraph()}\n```"
    yield USAGE, re.sub(r"```mermaid\n.*?\n```", lambda _: picture, usage, flags=re.DOTALL)
    results = RESULTS.read_text(encoding="utf-8")
    for name, tables in TABLES.items():
        results = between(results, name, tables())
    yield RESULTS, results


def between(page: str, name: str, content: str) -> str:
    """A page with what stands between its two marks of a name replaced."""
    before, begin, rest = page.partition(f"<!-- {name}: printed by `make docs` -->\n")
    _, end, behind = rest.partition(f"<!-- {name}: end -->")
    return f"{before}{begin}\n{content}\n{end}{behind}"


def presets() -> str:
    """A row a preset, from docs/presets.yaml; each of workflow/presets/ has one."""
    described = yaml.safe_load((ROOT / "docs" / "presets.yaml").read_text(encoding="utf-8"))
    known = {path.stem for path in (ROOT / "workflow" / "presets").glob("*.yaml")}
    if known != set(described):
        raise SystemExit(f"docs/presets.yaml: describe each of {', '.join(sorted(known))}")
    columns = ("data", "weights", "hardware", "hours", "run")
    lines = [f"| preset | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, facts in described.items():
        lines.append(f"| `{name}` | " + " | ".join(str(facts[key]) for key in columns) + " |")
    return "\n".join(lines)


def section(
    path: str, rule: dict, missing: str = "by preset", readers: Sequence[str] = ()
) -> Iterator[str]:
    """A table of one section's settings, then its sub-sections; `missing` stands for no default.

    `readers` are the rules that read a key which names none itself.
    """
    rule = schema.resolved(rule)
    readers = rule.get("read_by", readers)
    title = f"`{path}`" if path else "Top level"
    yield f"\n## {title}\n\n"
    if "description" in rule:
        yield f"{rule['description']}\n\n"
    yield "| key | type | default | what it is | read by |\n|---|---|---|---|---|\n"
    nested = {}
    for name, child in rule["properties"].items():
        child = schema.resolved(child)
        if "properties" in child:
            nested[name] = child
            continue
        if "properties" in child.get("items", {}):
            nested[f"{name}[]"] = child["items"]
        default = f"`{json.dumps(child['default'])}`" if "default" in child else missing
        default = "needed" if name in rule.get("required", []) else default
        told = ", ".join(child.get("read_by", readers)) or "none"
        yield f"| `{name}` | {kind(child)} | {default} | {child['description']} | {told} |\n"
    for name, child in nested.items():
        yield from section(f"{path}.{name}" if path else name, child, missing, readers)


def kind(rule: dict) -> str:
    """The type of a setting in words."""
    if "enum" in rule:
        return " or ".join(f"`{value}`" for value in rule["enum"])
    kinds = rule["type"]
    return " or ".join(kinds) if isinstance(kinds, list) else kinds


def rulegraph() -> str:
    """The demo's rules and what they hand on, as mermaid.

    A rule that is another one with more outputs counts as that one; an edge that a longer way
    implies is left out.
    """
    command = ["snakemake", "--rulegraph", "mermaid-js", "--forceall", "--config", "preset=demo"]
    drawn = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    labels = {
        key: SAME.get(name, name) for key, name in re.findall(r'(id\d+)\[(?:"?)([a-z_]+)', drawn)
    }
    edges = {(labels[a], labels[b]) for a, b in re.findall(r"(id\d+)\s*-->\s*(id\d+)", drawn)}
    edges = {(a, b) for a, b in edges if not {a, b} & HIDDEN}
    lines = [f"    {a} --> {b}" for a, b in sorted(edges) if not reaches(a, b, edges - {(a, b)})]
    return "\n".join(["flowchart TD", *lines])


def reaches(start: str, end: str, edges: set[tuple[str, str]]) -> bool:
    """Whether edges lead from start to end."""
    reached = {start}
    while more := {b for a, b in edges if a in reached} - reached:
        reached |= more
    return end in reached


if __name__ == "__main__":
    sys.exit(main())
