"""What a user wrote: the config files, and `--config KEY=VALUE` over them.

Snakemake reads both itself, but keeps no line numbers, and passes on nested values of `--config` as
text. In a file, quotes mark what is text. On a command line the shell removes them, so there the
schema decides: 3 is a number where a number is expected, and text where text is.
"""

import contextlib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from seqfuse.settings import configuration, datasets
from seqfuse.settings.schema import kind, packaged, resolved, schema
from seqfuse.settings.yaml_files import Document, KeyPath, Place, dotted, read

COMMAND_LINE = "--config"
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def resolve(checkout: str | Path, call) -> dict:
    """The whole configuration of a call of snakemake: see `of_call` and `configuration.resolve`."""
    written = of_call(Path(checkout) / "config.yaml", call)
    return configuration.resolve(written.settings, written.places, written.mistakes)


def of_call(own: Path, call) -> Document:
    """The config files and words of a call of snakemake (its `workflow.config_settings`), over the
    workflow's own file."""
    files = list(map(Path, call.configfiles))
    if not call.replace_workflow_config and (own.exists() or not files):
        files.insert(0, own)
    return read_all(files, call.config_args)


def read_all(files: Iterable[Path], words: Iterable[str] = ()) -> Document:
    """Config files, each laid over those before it, and the words of `--config` over them all."""
    whole = Document()
    for document in [*map(read, files), *map(_read_word, words)]:
        whole.settings = configuration.merge(whole.settings, document.settings)
        whole.places |= document.places
        whole.mistakes += document.mistakes
    return whole


def _read_word(word: str) -> Document:
    """One KEY=VALUE of a command line."""
    import yaml

    key, _, text = word.partition("=")
    rule = _child_rule(_whole_schema(), key)
    document, node = Document(), None
    if kind(rule) != "string" or text[:1] in (
        "'",
        '"',
    ):  # otherwise `a: b` and `-` are text as they are
        with contextlib.suppress(yaml.YAMLError):  # text with a bracket in it may not be YAML
            node = yaml.compose(text, yaml.SafeLoader)
    document.settings[key] = _typed(node or yaml.ScalarNode("", text), rule, (key,), document)
    return document


def _whole_schema() -> dict:
    """The configuration's schema, with the schemas of the entries of `datasets` and `models` in
    it."""
    entries = {"datasets": datasets.schema(), "models": packaged("models")}
    own = {name: {"type": "object", "additionalProperties": rule} for name, rule in entries.items()}
    return {"properties": {**schema()["properties"], **own}}


def _child_rule(rule: Mapping, key: str) -> dict:
    child = rule.get("properties", {}).get(key, rule.get("additionalProperties"))
    return resolved(child) if isinstance(child, Mapping) else {}


def _typed(node, rule: Mapping, path: KeyPath, document: Document):
    """A value of the command line in the type that its rule expects; a mistake is kept as it is."""
    document.places[path] = Place(COMMAND_LINE)
    if isinstance(node.value, str):
        return node.value if node.style else _scalar(node.value, rule)
    if node.tag.endswith(":seq"):
        items = resolved(rule.get("items", {}))
        return [
            _typed(item, items, (*path, index), document) for index, item in enumerate(node.value)
        ]
    values = {}
    for key, value in node.value:
        below = (*path, str(key.value))
        if below[-1] in values:
            document.mistakes.append(f"{COMMAND_LINE}: {dotted(below)}: is written twice")
        values[below[-1]] = _typed(value, _child_rule(rule, below[-1]), below, document)
    return values


def _scalar(text: str, rule: Mapping):
    """The first reading of a text that its rule accepts; otherwise, the first of the rule's
    type."""
    import jsonschema

    readings = [*_readings(text), text]
    validator = jsonschema.Draft202012Validator(rule)
    mistakes = [{error.validator for error in validator.iter_errors(value)} for value in readings]
    for refused in (lambda broken: broken, lambda broken: "type" in broken):
        for value, broken in zip(readings, mistakes, strict=True):
            if not refused(broken):
                return value
    return text


def _readings(text: str) -> Iterable[object]:
    """What a text may mean other than itself."""
    if text in ("", "~", "null", "Null", "NULL"):
        yield None
    if text.lower() in _TRUTH:
        yield _TRUTH[text.lower()]
    if re.fullmatch(r"[-+]?[0-9][0-9_]*", text):
        yield int(text)
    try:
        number = float(text)
    except ValueError:
        return
    if math.isfinite(number):
        yield number
