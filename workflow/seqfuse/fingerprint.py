"""The code of a stage as one hash, so that Snakemake re-runs the stage only when its code changes.

The hash covers every first-party module that the entry module imports, directly or not, at the top
or inside a function, and the locked versions of the distributions that these import. Comments,
docstrings and formatting do not count: the syntax tree is hashed. The registry is left out if
it is only imported: it is data, and a rule carries in its params the fields of its own entry that
can change a result, so that registering a method, or changing its title, re-trains nothing.

Package data counts too, byte by byte: a covered module brings the templates, style sheets, scripts
and YAML files of its folder, and of the folders below it that are not packages themselves. Those of
`settings` never count, because their values reach a stage as flags; those of the registry count,
like its modules, for a rule that names one of these modules.

A plugin is hashed as a module of the package is, with the modules beside it that it imports.
"""

import ast
import functools
import hashlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent
LOCK = PACKAGE.parents[1] / "envs" / "requirements.lock"
# The environment variable that names the plugins of a run, as PATH names folders.
PLUGINS = "SEQFUSE_PLUGINS"
_REGISTRY = "registry"
_SETTINGS = "settings"
# The suffixes of package data; caches and an editor's backups beside it do not count.
DATA = (".css", ".j2", ".js", ".yaml")
# Modules whose distribution has another name.
_DISTRIBUTIONS = {
    "Bio": "biopython",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
# Extras that a user installs: no result depends on tensorboard, and one control alone on ViennaRNA.
_UNLOCKED = ("tensorboard", "RNA")


class Closure(NamedTuple):
    """What some modules depend on, sorted: first-party modules, locked distributions, and data
    files as paths relative to the package."""

    modules: list[str]
    distributions: list[str]
    files: list[str]


@functools.cache
def code(*modules: str) -> str:
    """Hexadecimal digits for the source and the data of `modules` and of all they import, and for
    the locked versions of the distributions that these import."""
    depended = closure(*modules)
    lines = [f"{name} {_parsed(name).digest}" for name in depended.modules]
    lines += [f"{name} {_digits((PACKAGE / name).read_bytes())}" for name in depended.files]
    source = "\n".join(lines).encode()
    pins = _pins()
    versions = " ".join(f"{name}=={pins[name]}" for name in depended.distributions).encode()
    return f"code {_digits(source)}, packages {_digits(versions)}"


@functools.cache
def closure(*modules: str) -> Closure:
    """The modules, distributions and files that `modules` depend on, themselves included."""
    covered: set[str] = set()
    imported: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in covered or name == __name__:
            continue
        covered.add(name)
        # A module of the registry counts if a rule names it, or one of the registry that imports
        # it.
        counted = _is_registry(name)
        waiting += [n for n in _parsed(name).first_party if counted or not _is_registry(n)]
        imported |= set(_parsed(name).others)
    pins = _pins()
    distributions = {distribution(name) for name in imported - set(_UNLOCKED)}
    files = {
        path for folder in {_source(name).parent for name in covered} for path in _data(folder)
    }
    return Closure(sorted(covered), sorted(distributions & pins.keys()), sorted(files))


def distribution(module: str) -> str:
    """The normalised name of the distribution that holds a top-level module."""
    return re.sub(r"[-_.]+", "-", _DISTRIBUTIONS.get(module, module)).lower()


class _Parsed(NamedTuple):
    digest: str
    first_party: list[str]
    others: list[str]


@functools.cache
def _parsed(name: str) -> _Parsed:
    """The hash of one module's normalised syntax tree, and what it imports: first-party modules,
    and top-level names of everything else that is not of Python itself."""
    tree = ast.parse(_source(name).read_text(encoding="utf-8"))
    imports = [module for node in ast.walk(tree) for module in _imported(node)]
    for node in ast.walk(tree):
        _drop_docstring(node)
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    own = [module for module in imports if _is_own(module)]
    tops = {module.split(".")[0] for module in imports}
    others = sorted(tops - sys.stdlib_module_names - {PACKAGE.name})
    return _Parsed(digest, own, others)


@functools.cache
def _pins() -> dict[str, str]:
    """The locked versions by distribution; the installed ones if there is no lock file."""
    if not LOCK.is_file():
        installed = importlib.metadata.distributions()
        return {distribution(one.name): one.version for one in installed}
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    pinned = (line.split("#")[0].strip().partition("==") for line in lines)
    return {distribution(name): version for name, _, version in pinned if version}


@functools.cache
def _data(folder: Path) -> list[str]:
    """The data files in a folder of the package, and in folders below it that are not packages."""
    if folder == PACKAGE / _SETTINGS or not folder.is_relative_to(PACKAGE):
        return []
    files = []
    for path in folder.iterdir():
        if path.suffix in DATA:
            files.append(path.relative_to(PACKAGE).as_posix())
        elif path.is_dir() and not (path / "__init__.py").exists():
            files += _data(path)
    return files


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def plugins() -> list[Path]:
    """The files that PLUGINS names."""
    return [Path(path) for path in os.environ.get(PLUGINS, "").split(os.pathsep) if path]


def _source(name: str) -> Path:
    """The file of a first-party module; for any other name, a path that does not exist."""
    beside = (path.resolve().parent / f"{name}.py" for path in plugins())
    path = PACKAGE.parent.joinpath(*name.split("."))
    packaged = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return next((path for path in beside if path.is_file()), packaged)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_own(module: str) -> bool:
    return module not in sys.stdlib_module_names and _source(module).is_file()


def _is_registry(module: str) -> bool:
    return module.split(".")[1:2] == [_REGISTRY]


def _drop_docstring(node: ast.AST) -> None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
