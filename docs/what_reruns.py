"""The page docs/what-reruns.md, from what tests/architecture/reruns.py observed."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
OBSERVED = ROOT / "tests" / "architecture" / "reruns.yaml"
EVENT = "event: "
HEAD = """# What runs again when I change …

Printed from `tests/architecture/reruns.yaml` by `make docs`; do not edit.

This is observed, not promised: `tests/architecture/reruns.py` finishes a small run, changes one
thing at a time, and asks Snakemake. The answers, by rule:

- **first**: the rules with params or inputs that change,
- **new**: the rules with new jobs,
- **then**: the rules that read their outputs.

Not all jobs of a rule run: a setting of OneVocab trains OneVocab, and a dataset's columns read that
dataset. `seqfuse why` shows it for your own run: rule by rule, with the reason. The store keeps
embeddings by sequence: its jobs run again, but embed only what is new.

## A key of the configuration

What each key means: [configuration.md](configuration.md). Whichever key changes, `report_settings`
records the whole configuration again, and both reports and the tables of the ablations, which show
it, follow. `preset` acts through the keys that it sets. `run` names another folder, where
everything is made anew; only embeddings are shared.
"""
EVENTS = """
## Something else

| what | first | new | then |
|---|---|---|---|
"""


def page() -> str:
    """The text of the page."""
    observed = yaml.safe_load(OBSERVED.read_text(encoding="utf-8"))
    return "".join([HEAD, *_keys(observed), EVENTS, *_events(observed)])


def _keys(observed: dict) -> Iterator[str]:
    """The keys, those with the same consequences together, in the order of the DAG."""
    groups: dict[tuple, list[str]] = {}
    for key, found in observed.items():
        if not key.startswith(EVENT) and key != "run":
            groups.setdefault(tuple(tuple(found[kind]) for kind in _KINDS), []).append(key)
    for consequences in sorted(groups, key=lambda kinds: [[*map(_place, kind)] for kind in kinds]):
        first, new, then = map(_told, consequences)
        yield f"\n### {f'First: {first}' if first else 'Nothing but that'}\n\n"
        if first or new:
            yield "".join(
                f"{word}: {rules}. " for word, rules in (("New", new), ("Then", then)) if rules
            )[:-1]
            yield "\n\n"
        yield from _by_section(groups[consequences])


_KINDS = ("again", "new", "follows")


def _by_section(keys: Iterable[str]) -> Iterator[str]:
    """One line a section of the configuration."""
    sections: dict[str, list[str]] = {}
    for key in keys:
        section, _, name = key.rpartition(".")
        sections.setdefault(section, []).append(name)
    for section, names in sections.items():
        words = ", ".join(f"`{name}`" for name in names)
        yield f"- `{section}`: {words}\n" if section else f"- {words}\n"


def _events(observed: dict) -> Iterator[str]:
    for name, found in observed.items():
        if name.startswith(EVENT):
            first, new, then = (_told(found[kind]) for kind in _KINDS)
            nothing = "nothing" if not (first or new) else ""
            yield f"| {name.removeprefix(EVENT)} | {first or nothing} | {new} | {then} |\n"


def _told(rules: Iterable[str]) -> str:
    return ", ".join(f"`{rule}`" for rule in sorted(rules, key=_place))


def _place(rule: str) -> int:
    return _ORDER.index(rule)


def _rules() -> list[str]:
    """All rules in the order of the DAG: that of the includes, and that in their files."""
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    files = [ROOT / path for path in re.findall(r'include: "(.+)"', snakefile)]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    return re.findall(r"(?m)^rule (\w+):", text)


_ORDER = _rules()
