"""Settings on the command line: a section of the configuration's schema becomes flags.

`config.schema.yaml` beside this file is the only place where a setting's name, type, default and
meaning stand. `add` turns a section into flags, `take` gives the stage its dataclass, and `flags`
writes a configuration's section as the flags of a shell line, so that what a rule runs can be
pasted into a terminal.
"""

import argparse
import json
import shlex
from collections.abc import Mapping
from typing import TypeVar

from seqfuse.settings.schema import section

Options = TypeVar("Options")


def add(parser: argparse.ArgumentParser, path: str) -> None:
    """Add one flag for each setting of a section, with the schema's type, default and help."""
    group = parser.add_argument_group(f"settings ({path})")
    for name, rule in section(path).items():
        if _kind(rule) == "object":
            continue
        help_text = f"{rule['description']} (default: {json.dumps(rule.get('default'))})"
        keywords = {"default": rule.get("default"), "help": help_text.replace("%", "%%")}
        if _kind(rule) == "array":
            keywords["nargs"] = "*"
            rule = rule["items"]
        keywords |= {"type": _parser(rule), "choices": rule.get("enum")}
        group.add_argument(f"--{name.replace('_', '-')}", **keywords)


def take(args: argparse.Namespace, path: str, cls: type[Options]) -> Options:
    """The dataclass `cls` from parsed arguments: its fields are the section's settings."""
    names = [name for name, rule in section(path).items() if _kind(rule) != "object"]
    values = {name: getattr(args, name) for name in names}
    return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


def flags(settings: Mapping[str, object]) -> str:
    """Settings as shell-quoted flags; nulls and nested sections are left out."""
    words = []
    for name, value in settings.items():
        if value is None or isinstance(value, Mapping):
            continue
        words.append(f"--{name.replace('_', '-')}")
        values = value if isinstance(value, list | tuple) else [value]
        words += [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
    return shlex.join(words)


def _kind(rule: dict) -> str:
    kinds = rule.get("type", "string")
    return next(k for k in kinds if k != "null") if isinstance(kinds, list) else kinds


def _parser(rule: dict):
    return {"integer": int, "number": float, "boolean": _boolean, "string": str}[_kind(rule)]


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"
