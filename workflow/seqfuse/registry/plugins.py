"""The user's own methods, arms and controls, from files outside the package.

    from seqfuse.registry.arms import Arm

    ARM = Arm("mean_states", "Mean of states", ("dna", "rna", "protein"), "my_fusion:Mean")

`plugins: [my_fusion.py]` in the configuration registers what such a file declares at its top level.
The declarations are read, not run, so that planning imports nothing heavy; the file is imported,
under its own name, only where the declared class or function is used.
"""

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.registry import titles
from seqfuse.registry.arms import ARMS, Arm
from seqfuse.registry.controls import CONTROLS, Control
from seqfuse.registry.methods import METHODS, Method

_KINDS = {kind.__name__: kind for kind in (Method, Arm, Control)}
_NAME = re.compile(r"[A-Za-z0-9_]+")


def register(paths: Iterable[str | Path]) -> None:
    """Add what these files declare to the registry; raises `UserError` if a declaration is
    wrong."""
    for path in map(Path, paths):
        if not path.is_file():
            raise UserError(f"plugins: {path}: no such file")
        _make_importable(path)
        entries = list(_declared(path))
        if not entries:
            raise UserError(f"{path}: declares no {' or '.join(_KINDS)} at its top level")
        for line, entry in entries:
            _add(entry, f"{path}, line {line}")


def load(place: str) -> Callable:
    """The class or function at "module:name"; raises `UserError` if the module has no such name."""
    module, _, name = place.partition(":")
    declared = getattr(importlib.import_module(module), name, None)
    if declared is None:
        raise UserError(f"{place}: the module {module} has no {name}")
    return declared


def features(study: str) -> dict[str, Callable]:
    """{control: its function, list[str] -> float[n, k]} of the plugins' controls of a study."""
    entries = CONTROLS[study].items()
    return {name: load(control.features) for name, control in entries if control.features}


def _make_importable(path: Path) -> None:
    """Make the file importable by its name, which no other module may have."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.find_spec(path.stem) if path.stem.isidentifier() else None
    if path.suffix != ".py" or spec is None:
        raise UserError(
            f"plugins: {path}: a plugin must be a file NAME.py, with letters, digits and _ in NAME"
        )
    if spec.origin is None or Path(spec.origin).resolve() != path.resolve():
        raise UserError(
            f"plugins: {path}: Python already has a module {path.stem}; rename the file"
        )


def _declared(path: Path) -> Iterator[tuple[int, Method | Arm | Control]]:
    """The entries that a file declares, with their lines."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: {error.msg}") from None
    for node in tree.body:
        call = getattr(node, "value", None)
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) in _KINDS:
            try:
                values = [ast.literal_eval(value) for value in call.args]
                named = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
                yield node.lineno, _KINDS[call.func.id](*values, **named)
            except ValueError:
                raise UserError(
                    f"{path}, line {node.lineno}: write plain values (text, numbers, tuples) into "
                    f"{call.func.id}(...); a declaration is read, not run"
                ) from None
            except TypeError as error:
                raise UserError(f"{path}, line {node.lineno}: {error}") from None


def _add(entry: Method | Arm | Control, where: str) -> None:
    if not _NAME.fullmatch(entry.name):
        raise UserError(f"{where}: the name {entry.name!r} may have only letters, digits and _")
    if isinstance(entry, Control):
        if entry.study not in CONTROLS or not entry.features:
            raise UserError(
                f"{where}: a control needs a study ({', '.join(CONTROLS)}) and features"
            )
        known = CONTROLS[entry.study]
    else:
        known = ARMS if isinstance(entry, Arm) else METHODS
    if entry.name in titles.TITLES and known.get(entry.name) != entry:
        raise UserError(f"{where}: {entry.name!r} is taken; choose another name")
    known[entry.name] = entry
    titles.add(entry.name, entry.title)
