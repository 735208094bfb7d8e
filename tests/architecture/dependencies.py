"""What the code hash of every rule covers: first-party modules, their data files (templates, style
sheets, scripts) and locked distributions.

`dependencies.yaml` beside this file is that list, reviewed when it changes: a new line there is a
module or file whose edit, or a distribution whose new version, makes that rule's results again.

    python tests/architecture/dependencies.py > tests/architecture/dependencies.yaml
"""

import re
from pathlib import Path

import yaml

from seqfuse import fingerprint

ROOT = Path(__file__).resolve().parents[2]
LISTED = Path(__file__).with_name("dependencies.yaml")
# What all stages have in common, so that each list names what is its own.
_ENTRY = re.compile(r'\bcode\(\s*((?:"[\w.]+",?\s*)+)')


def entries() -> dict[str, tuple[str, ...]]:
    """The modules that each rule names for its hash, by rule."""
    found = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        rule = ""
        for part in re.split(r"^(?=rule |use rule )", path.read_text(), flags=re.MULTILINE):
            named = re.match(r"rule (\w+):|use rule \w+ as (\w+)", part)
            rule = (named[1] or named[2]) if named else rule
            if code := _ENTRY.search(part):
                found[rule] = tuple(re.findall(r'"([\w.]+)"', code[1]))
    return found


def listing() -> dict:
    """Of each rule: the modules it names and all below them, and their distributions and files."""
    rules = {}
    for rule, modules in sorted(entries().items()):
        made_of = fingerprint.closure(*modules)
        own = [name.removeprefix("seqfuse.") for name in made_of.modules]
        rules[rule] = {
            "modules": own,
            "distributions": made_of.distributions,
            "files": made_of.files,
        }
    return rules


if __name__ == "__main__":
    print("# Made by tests/architecture/dependencies.py; what an edit re-runs, rule by rule.")
    print(yaml.safe_dump(listing(), sort_keys=True), end="")
