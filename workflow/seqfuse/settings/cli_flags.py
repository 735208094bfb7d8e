"""Settings on the command line: a section of the configuration's schema becomes flags.

`add` turns a section into flags, `take` gives the stage its settings back, and `flags` writes a
configuration's section as the flags of a shell line, so that what a rule runs can be pasted into a
terminal.
"""

import argparse
import json
import operator
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from seqfuse.settings.schema import kind, section

if TYPE_CHECKING:
    from seqfuse.settings.sections import Section

Settings = TypeVar("Settings", bound="Section")
_BOUNDS = {
    "minimum": (operator.ge, "at least"),
    "exclusiveMinimum": (operator.gt, "above"),
    "maximum": (operator.le, "at most"),
    "exclusiveMaximum": (operator.lt, "below"),
}


def add(parser: argparse.ArgumentParser, path: str, *names: str) -> None:
    """Add one flag for each setting of a section, or for `names` of it alone, with the schema's
    type, default and help."""
    group = parser.add_argument_group(f"settings ({path})")
    for name, rule in section(path).items():
        if names and name not in names:
            continue
        help_text = f"{rule['description']} (default: {json.dumps(rule.get('default'))})"
        keywords = {"default": rule.get("default"), "help": help_text.replace("%", "%%")}
        if kind(rule) == "array":
            keywords["nargs"] = "+" if rule.get("minItems") else "*"
            rule = rule["items"]
        keywords |= {"type": _parser(rule), "choices": rule.get("enum")}
        group.add_argument(f"--{name.replace('_', '-')}", **keywords)


def take(args: argparse.Namespace, cls: type[Settings]) -> Settings:
    """A section's settings from parsed arguments."""
    values = {name: getattr(args, name) for name in section(cls.section)}
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


def _parser(rule: dict) -> Callable[[str], object]:
    """A function that parses one value of a setting and checks it against the schema's bounds.

    It raises `ValueError` or `argparse.ArgumentTypeError`, which argparse reports.
    """
    convert = {"integer": int, "number": float, "boolean": _boolean, "string": str}[kind(rule)]

    def parse(text: str) -> object:
        value = convert(text)
        for name, (holds, words) in _BOUNDS.items():
            if name in rule and not holds(value, rule[name]):
                raise argparse.ArgumentTypeError(f"{text} is not {words} {rule[name]}")
        return value

    parse.__name__ = convert.__name__  # argparse names the type by it in its errors
    return parse


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"
