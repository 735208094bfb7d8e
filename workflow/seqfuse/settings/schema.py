"""The JSON schemas of the configuration and of catalogue entries, and how a value is held to one.

They lie beside this file, so that an installed package has them. A mistake is one line that names
the key, the value and what is allowed, with the nearest spelling.
"""

import copy
import functools
from collections.abc import Mapping
from pathlib import Path

from seqfuse.errors import UserError, nearest

FOLDER = Path(__file__).resolve().parent


@functools.cache
def schema() -> dict:
    """The configuration's JSON schema."""
    import yaml

    return yaml.load(
        (FOLDER / "config.schema.yaml").read_text(encoding="utf-8"),
        getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )


def section(path: str) -> dict[str, dict]:
    """The properties of one section of the schema, such as "language/training"."""
    node = schema()
    for part in path.split("/"):
        node = node["properties"][part]
    return node["properties"]


def load_yaml(path: Path) -> dict:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def defaults(rule: Mapping) -> dict:
    """The defaults that a schema of an object states, nested sections included."""
    found = {}
    for name, child in rule["properties"].items():
        if "properties" in child:
            found[name] = defaults(child)
        elif "default" in child:
            found[name] = copy.deepcopy(child["default"])
    return found


def hold(value: Mapping, schema: Mapping, source: str) -> None:
    """Hold a mapping to a JSON schema; the first mistake is a `UserError` of one line."""
    import jsonschema

    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    first = min(errors, key=lambda e: [str(p) for p in e.absolute_path], default=None)
    if first:
        raise UserError(f"{source}: {_explain(first)}")


def _explain(error) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    at = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = next(key for key in error.instance if key not in known)
        key = f"{where}.{unknown}" if where else unknown
        return f"unknown key {key!r}{nearest(unknown, known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{at}the key {missing!r} is missing"
    if error.validator == "type":
        kinds = error.validator_value
        wanted = " or ".join(kinds) if isinstance(kinds, list) else kinds
        hint = ""
        if isinstance(error.instance, str) and "number" in wanted:
            hint = "; YAML reads 1e-3 as text, write 1.0e-3"
        return f"{at}{error.instance!r} is not of type {wanted}{hint}"
    if error.validator == "enum":
        hint = nearest(error.instance, map(str, error.validator_value))
        return f"{at}{error.instance!r} is not allowed{hint}"
    return f"{at}{error.message}"
