"""The JSON schemas of the configuration and of catalogue entries, which lie beside this file."""

import copy
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@functools.cache
def schema() -> dict:
    """The configuration's JSON schema."""
    return packaged("config")


@functools.cache
def packaged(name: str) -> dict:
    """One of the schemas beside this file: config, datasets or models. Shared: do not change it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if it is built
    return yaml.load((FOLDER / f"{name}.schema.yaml").read_text(encoding="utf-8"), loader)


def section(path: str) -> dict[str, dict]:
    """The settings of one section, such as "language/training"; nested sections are left out."""
    node = schema()
    for part in path.split("/"):
        node = node["properties"][part]
    return {name: rule for name, rule in node["properties"].items() if kind(rule) != "object"}


def resolved(rule: Mapping) -> dict:
    """A rule with its reference into the configuration's schema resolved."""
    if "$ref" not in rule:
        return dict(rule)
    node = schema()
    for part in rule["$ref"].removeprefix("#/").split("/"):
        node = node[part]
    return {**node, **rule}


def readers(rule: Mapping, path: str = "", inherited: Sequence[str] = ()) -> dict[str, list[str]]:
    """The rules that read each key of a schema; a key is called "language.prompt.reasoning", or
    "files[].path" where it is one of a list.

    A key without `read_by` has that of its section.
    """
    rule = resolved(rule)
    read_by = rule.get("read_by", inherited)
    if "properties" not in rule:
        return {path: list(read_by)}
    by_key = {}
    for name, child in rule["properties"].items():
        child, name = resolved(child), f"{path}.{name}" if path else name
        if "properties" in child.get("items", {}):
            child, name = {"read_by": child.get("read_by", read_by)} | child["items"], f"{name}[]"
        by_key |= readers(child, name, read_by)
    return by_key


def of_results(path: str, values: Mapping) -> dict:
    """The settings among `values` of a section ("language/training") that can change a result."""
    section_readers = readers(schema())
    prefix = path.replace("/", ".")
    # A key that the section does not have, such as one of a variant, can change a result.
    return {k: v for k, v in values.items() if section_readers.get(f"{prefix}.{k}") != []}


def read_part(reader: str, value: object, rule: Mapping, inherited: Sequence[str] = ()) -> object:
    """The part of a value that the workflow's rule `reader` reads, by the schema `rule` of the
    value."""
    read_by = rule.get("read_by", inherited)
    if isinstance(value, list) and "items" in rule:
        return [read_part(reader, item, rule["items"], read_by) for item in value]
    if not isinstance(value, Mapping) or "properties" not in rule:
        return value
    parts = {}
    for key, child in value.items():
        known = rule["properties"].get(key, {})
        part = read_part(reader, child, known, read_by)
        if part if "properties" in known else reader in known.get("read_by", read_by):
            parts[key] = part
    return parts


def kind(rule: Mapping) -> str:
    """The type of a setting, null aside; "string" for a reference."""
    kinds = rule.get("type", "string")
    return next(k for k in kinds if k != "null") if isinstance(kinds, list) else kinds


def defaults(rule: Mapping) -> dict:
    """The defaults in the schema of an object, nested sections included."""
    values = {}
    for name, child in rule["properties"].items():
        if "properties" in child:
            values[name] = defaults(child)
        elif "default" in child:
            values[name] = copy.deepcopy(child["default"])
    return values
