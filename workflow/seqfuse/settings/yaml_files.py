"""YAML files, read so that they mean what is written in them, with the line of each key.

YAML 1.1 reads `no` as false, `010` as 8, `1:30` as 90 and `2026-01-02` as a date, and of two equal
keys it keeps the last. A reading that is never meant is a mistake that names the line; if it may be
meant for some keys, `validation.hold` decides from the text that `Place` keeps.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse.errors import UserError

KeyPath = tuple[str | int, ...]  # path of a key, such as ("language", "training", "steps")
_TAG = "tag:yaml.org,2002:"
# Numbers that YAML reads in base 8 or 60.
_OTHER_BASE = re.compile(r"[-+]?0[0-9_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


@dataclass(frozen=True)
class Place:
    """Where a key or a list item is written; `text` is its value as written, if it has no
    quotes."""

    file: str
    line: int | None = None
    text: str | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Places(dict[KeyPath, Place]):
    """The place of each key, by its path."""

    def nearest(self, path: KeyPath) -> Place | None:
        """The place of a key, or of the innermost section around it that is written."""
        while path and path not in self:
            path = path[:-1]
        return self.get(path)

    def located(self, path: KeyPath, said: str) -> str:
        """A message about a key, after its place if that is known."""
        place = self.nearest(path)
        return f"{place}: {said}" if place else said


NOWHERE = Places()


@dataclass
class Document:
    """The settings in a file, the place of each, and those that YAML misreads."""

    settings: dict = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    mistakes: list[str] = field(default_factory=list)


def load_yaml(path: Path) -> dict:
    """The mapping in a YAML file; empty for an empty file. Raises `UserError` for its mistakes."""
    document = read(path)
    if document.mistakes:
        raise UserError("\n".join(document.mistakes))
    return document.settings


def read(path: Path) -> Document:
    """The mapping in a YAML file with its places and mistakes; its keys are text, as written.

    Raises `UserError` for a file that cannot be read, or is not YAML.
    """
    import yaml

    name = shown(path)
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        if root is None or root.tag == f"{_TAG}null":
            return Document()
        if not isinstance(root, yaml.MappingNode):
            raise UserError(f"{name}: expected `key: value` lines, not a list or a text")
        document = Document()
        document.mistakes += _look_at(root, (), name, document.places)
        try:
            document.settings = loader.construct_document(root)
        except (ValueError, TypeError):  # a value that does not fit its tag, written or guessed
            raise UserError(_no_value(name, root)) from None
    except OSError as error:
        raise UserError(f"{name}: {os.strerror(error.errno)}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        form = "UTF-16" if error.object.startswith((b"\xff\xfe", b"\xfe\xff")) else "LATIN1"
        raise UserError(
            f"{name}:{line}: not UTF-8 text; convert it: iconv -f {form} -t UTF-8"
        ) from None
    except yaml.YAMLError as error:
        raise UserError(_invalid(name, path, error)) from None
    except RecursionError:
        raise UserError(f"{name}: nested too deeply, or an anchor that contains itself") from None
    return document


def shown(path: Path) -> str:
    """A path as a message shows it: relative if it lies in the working folder."""
    path = Path(path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _look_at(node, path: KeyPath, name: str, places: Places) -> Iterator[str]:
    """Fill in the places below a node and turn its keys into text; yields the mistakes."""
    kind = node.tag.removeprefix(_TAG)
    if isinstance(node.value, str):
        mistake = _misread(node, kind)
        if mistake:
            yield f"{places.nearest(path) or name}: {dotted(path)}: {mistake}"
        return
    if node.id == "sequence":
        for index, item in enumerate(node.value):
            yield from _child(item, item, (*path, index), name, places)
        return
    first_lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key.value, str) or key.tag == f"{_TAG}merge":
            continue  # a list or mapping, which cannot be constructed; or <<: *anchor
        where, line = f"{name}:{key.start_mark.line + 1}: ", key.start_mark.line + 1
        known = (*path, key.value)
        if key.value in first_lines:
            yield f"{where}{dotted(known)}: is already written in line {first_lines[key.value]}"
        first_lines.setdefault(key.value, line)
        yield from _misread_key(key, where, known)
        key.tag = f"{_TAG}str"
        yield from _child(key, value, known, name, places)


def _child(start, value, path: KeyPath, name: str, places: Places) -> Iterator[str]:
    plain = isinstance(value.value, str) and not value.style
    text = value.value if plain else None
    places[path] = Place(name, start.start_mark.line + 1, text)
    yield from _look_at(value, path, name, places)


def _misread_key(key, where: str, path: KeyPath) -> Iterator[str]:
    """Whether YAML reads a key as something other than its text; `0` and `12` stay as they are, and
    so does our key `on`."""
    kind = key.tag.removeprefix(_TAG)
    as_written = kind == "int" and re.fullmatch("0|[1-9][0-9]*", key.value)
    as_written = as_written or path[-2:] == ("join", "on")
    if kind != "str" and not as_written:
        read_as = {"bool": "a truth value", "null": "null", "timestamp": "a date"}
        yield (
            f"{where}{dotted(path)}: YAML reads the name {key.value or '(empty)'} as"
            f' {read_as.get(kind, "a number")}; write "{key.value}"'
        )


def _misread(node, kind: str) -> str | None:
    """How YAML misreads a value, if its reading is never meant."""
    if kind == "timestamp":
        node.tag = f"{_TAG}str"
        return f'YAML reads {node.value} as a date; write "{node.value}"'
    if kind in ("int", "float") and _OTHER_BASE.fullmatch(node.value):
        base = "60" if ":" in node.value else "8"
        return (
            f"YAML reads {node.value} as a number in base {base}; write a number without"
            f' {"a colon" if base == "60" else "leading zeros"}, or "{node.value}" for the text'
        )
    return None


def _invalid(name: str, path: Path, error) -> str:
    """Why a file is not YAML, in one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"{name}{_line(path, error)}: not valid YAML: {' '.join(str(error).split())[:150]}"
    lines = path.read_text(encoding="utf-8").splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1]:
        return f"{name}:{mark.line + 1}: a tab, which YAML does not allow; indent with spaces"
    context = getattr(error, "context", None)
    problem = f"{error.problem} {context}" if context else error.problem
    return f"{name}:{mark.line + 1}: not valid YAML: {problem}"


def _line(path: Path, error) -> str:
    """':' and the line of a character that YAML does not allow."""
    place = getattr(error, "position", None)
    if place is None:
        return ""
    text = path.read_text(encoding="utf-8")
    return f":{text.count(chr(10), 0, place) + 1}"


def _no_value(name: str, node) -> str:
    """The line of a value that cannot be read as the type that YAML takes it for."""
    import yaml

    for below in _nodes(node):
        try:
            yaml.SafeLoader("").construct_object(below, deep=True)
        except (ValueError, TypeError):
            kind = below.tag.removeprefix(_TAG)
            line = below.start_mark.line + 1
            return (
                f"{name}:{line}: YAML reads a value as {kind}, which it is not; write it in quotes"
            )
    return f"{name}: a value cannot be read; write it in quotes"


def _nodes(node) -> Iterator:
    """A node and those below it, the innermost first."""
    if not isinstance(node.value, str):
        for item in node.value:
            for below in item if isinstance(item, tuple) else (item,):
                yield from _nodes(below)
    yield node


def dotted(path: KeyPath) -> str:
    """A key's path as messages write it."""
    return ".".join(map(str, path))
