"""What code a stage is made of, as one hash: so that Snakemake re-runs it only when that changes.

The locked versions of what it computes with count too: a new lock re-runs every stage, once. The
hash covers every first-party module that the entry module imports, directly or not, at the top
or inside a function. Comments, docstrings and formatting do not count: the syntax tree is hashed.
Modules named `catalogue` are left out: they are registers, and a rule carries its own entry in its
params, so that registering a new method does not re-train the others.
"""

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
LOCK = PACKAGE.parents[1] / "envs" / "requirements.lock"


@functools.cache
def code(*modules: str) -> str:
    """Hexadecimal digits for the source of `modules` and of all they import, and for the lock."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and not name.endswith(".catalogue"):
            found.add(name)
            waiting += _parsed(name)[1]
    text = "\n".join(f"{name} {_parsed(name)[0]}" for name in sorted(found))
    return f"code {_digits(text)}, lock {_digits(' '.join(_pins()))}"


@functools.cache
def _parsed(name: str) -> tuple[str, list[str]]:
    """The hash of one module's normalised syntax tree, and the first-party modules it imports."""
    path = _source(name)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [module for node in ast.walk(tree) for module in _imported(node)]
    for node in ast.walk(tree):
        _drop_docstring(node)
    normalised = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return normalised, imports


def _pins() -> list[str]:
    """The locked versions, comments and order left out."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return sorted(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source(name: str) -> Path:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return []
    return [n for n in names if n.split(".")[0] == PACKAGE.name and _source(n).is_file()]


def _drop_docstring(node: ast.AST) -> None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
