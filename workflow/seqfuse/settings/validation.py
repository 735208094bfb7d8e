"""Validation of a value against a JSON schema.

Every mistake is one line that names the place, the key, the value and what is allowed, with the
nearest spelling.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from seqfuse.errors import UserError, nearest
from seqfuse.settings.yaml_files import NOWHERE, KeyPath, Place, Places, dotted

_QUOTED = 60  # characters of a value, and of a key


def hold(
    value: Mapping, schema: Mapping, source: str, places: Places = NOWHERE, at: KeyPath = ()
) -> None:
    """Validate a mapping; its mistakes become one `UserError`, with a line for each, sorted.

    A mistake names its place, or `source` if that is not known. It names `source` in any case if
    `value` is only a part of the configuration, the one `at` a key.
    """
    mistakes = []
    errors = list(_validator(schema).iter_errors(value))
    of_wrong_type = {error.json_path for error in errors if error.validator == "type"}
    for error in errors:
        if error.validator != "type" and error.json_path in of_wrong_type:
            continue
        for path, said in _explain(error, places, at):
            key = (*at, *path)
            if at or not places.nearest(key):
                said = f"{source}: {said}"
            mistakes.append(places.located(key, said))
    refuse(mistakes)


def together(checks: Iterable[Callable[[], object]], mistakes: Iterable[str] = ()) -> None:
    """Make several checks; raise what they refuse, and the mistakes known before, as one
    `UserError`."""
    refused = [*mistakes]
    for check in checks:
        try:
            check()
        except UserError as error:
            refused += str(error).splitlines()
    refuse(refused)


def refuse(mistakes: Collection[str]) -> None:
    """Raise the mistakes, if there are any, as a `UserError`, in the order of files, lines and
    keys."""
    if mistakes:
        raise UserError("\n".join(sorted(dict.fromkeys(mistakes), key=_in_order)))


def _in_order(line: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", line)]


def _validator(schema: Mapping):
    """The standard validator, except that 3.0 is not an integer: `range` and file names refuse
    it."""
    import jsonschema

    standard = jsonschema.Draft202012Validator
    types = standard.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return jsonschema.validators.extend(standard, type_checker=types)(schema)


def _explain(error, places: Places, at: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """(path, message) of each mistake in one error of jsonschema."""
    path = tuple(error.absolute_path)
    where = f"{_cut(dotted(path))}: " if path else ""
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for unknown in sorted(key for key in error.instance if key not in known):
            below = (*path, unknown)
            yield below, f"unknown key {_cut(dotted(below))!r}{nearest(unknown, known)}"
    elif error.validator == "required":
        for missing in error.validator_value:
            if missing not in error.instance:
                yield path, f"{where}the key {missing!r} is missing"
    elif error.validator == "type":
        kinds = error.validator_value
        kinds = [kinds] if isinstance(kinds, str) else kinds
        place = places.get((*at, *path), Place(""))
        yield path, where + _of_type(error.instance, kinds, place)
    elif error.validator == "uniqueItems":
        values = error.instance
        for number, value in enumerate(values):
            if value in values[:number]:
                yield (*path, number), f"{where}{_cut(repr(value))} is listed twice"
    elif error.validator == "enum":
        hint = nearest(error.instance, map(str, error.validator_value))
        yield path, f"{where}{_cut(repr(error.instance))} is not allowed{hint}"
    else:
        # jsonschema begins its messages with the value.
        value = repr(error.instance)
        yield path, where + error.message.replace(value, _cut(value), 1)


def _cut(text: str) -> str:
    """A text of the user's, cut to the length that messages quote."""
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"


def _of_type(value: Any, kinds: list[str], place: Place) -> str:
    """What is wrong with the type of a value, and what to write if YAML read it in another way than
    it was meant."""
    if "string" in kinds and place.text and not isinstance(value, Mapping | list):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        read_as = f"the number {value}" if is_number else json.dumps(value)
        return f'YAML reads {place.text} as {read_as}; write "{place.text}"'
    plain = value is None or isinstance(value, bool)
    spelled = _cut(json.dumps(value) if plain else repr(value))
    refused = f"{spelled} is not of type {' or '.join(kinds)}"
    if value is None and place.text == "":
        return f"empty, which YAML reads as null; it must be {' or '.join(kinds)}"
    if isinstance(value, str) and {"number", "integer"} & {*kinds} and _is_number(value):
        return f"{refused}; YAML reads {value} as text, write {_as_number(value)}"
    if "array" in kinds and isinstance(value, str | int | float):
        return f"{refused}; for a list of one write [{value}]"
    return refused


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _as_number(text: str) -> str:
    """A number as YAML reads one: 1e-3 needs a dot and a sign."""
    parts = re.fullmatch(r"([-+]?\d+)(\.\d*)?[eE]([-+]?)(\d+)", text)
    if parts is None:
        return text
    whole, fraction, sign, exponent = parts.groups()
    return f"{whole}{fraction or '.0'}e{sign or '+'}{exponent}"
