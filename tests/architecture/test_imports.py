"""Who may import whom, as docs/architecture.md says, at the top of a module and inside functions.

    (rules, command line) -> plan -> settings, registry
    (rules, command line) -> stage -> training, encoders, bio, statistics -> settings, registry

Modules at the package's root (errors, files, tables, ...) lie below all of these, but for its two
faces, the command line and `import seqfuse`. `from seqfuse.data import download` imports
seqfuse.data.download; what only a type checker imports does not count.
"""

import ast
import graphlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from seqfuse import cli

STAGES = {
    *("data", "sequences", "canary", "embeddings", "language", "codons"),
    *("controls", "evaluation", "judge", "figures", "report"),
}
LIBRARIES = {"training", "encoders", "bio", "statistics"}
# The rooms whose modules a module of each room may import, beside its own and the root.
MAY_IMPORT = {
    "settings": {"registry"},
    "registry": set(),
    **{library: {"settings", "registry"} | LIBRARIES for library in LIBRARIES},
    "plan": {"settings", "registry"},
    **{stage: {"settings", "registry"} | LIBRARIES for stage in STAGES},
}
# Commands that stand in plan/ because they are no stage: what a command line may, they may.
# Canaries are submitted by the plan, and it reads what they found.
COMMANDS = {
    "seqfuse.plan.tools.fetch": {"data", "training"},
    "seqfuse.plan.tools.price": {"judge"},
    "seqfuse.plan.tools.diff": {"evaluation", "statistics"},
    "seqfuse.plan.tools.diff_lines": {"evaluation", "statistics"},
    "seqfuse.plan.submission.canaries": {"canary"},
}
# Import what they are asked for, whatever that is.
FACES = {"seqfuse", "seqfuse.cli"}
# What must not be imported, whatever it is imported through.
LIGHT = {
    "registry": {"torch", "pandas", "numpy"},
    "settings": {"torch", "pandas", "numpy"},
    "plan": {"torch", "pandas", "snakemake"},
}
# Commands that compute with a model. The others start at once, because they import none of these.
MODELLING = {
    "data model",
    "canary",
    "embeddings write",
    *(f"language {name}" for name in ("pretrain", "trial", "finetune", "predict", "probe")),
    *("language attention", "language trace", "language linear-probe"),
    *("codons train", "codons predict", "codons design", "codons embed", "codons interpret"),
    "controls randomise",
    "models check",
    "ask",
}
MODELS = {"torch", "transformers", "accelerate", "peft"}


class Package:
    """The modules of a folder, and what each of them imports."""

    def __init__(self, folder: Path):
        files = {_name(path.relative_to(folder.parent)): path for path in folder.rglob("*.py")}
        self.name, self.modules = folder.name, frozenset(files)
        self.imports = {name: set(self._imported(path)) for name, path in files.items()}

    def own(self, module: str) -> set[str]:
        """The modules of the package that a module imports."""
        return self.imports[module] & self.modules - {module}

    def foreign(self, module: str) -> set[str]:
        """The distributions and modules of the standard library, by their first name."""
        return {name.split(".")[0] for name in self.imports[module]} - {self.name}

    def reached(self, module: str) -> set[str]:
        """A module and all that it imports of the package, directly or not."""
        found, waiting = set(), [module]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.own(name)
        return found

    def room(self, module: str) -> str:
        """The folder of a module, "" at the package's root."""
        parts = module.split(".")[1:]
        is_folder = any(other.startswith(f"{module}.") for other in self.modules)
        return parts[0] if parts and (len(parts) > 1 or is_folder) else ""

    def _imported(self, path: Path) -> Iterator[str]:
        waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                waiting += node.orelse
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: imports here are absolute"
                inside = (f"{node.module}.{alias.name}" for alias in node.names)
                yield from (name if name in self.modules else node.module for name in inside)
            waiting += ast.iter_child_nodes(node)


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first one again at the end; or none."""
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return error.args[1][::-1]
    return []


def trespasses(package: Package) -> list[str]:
    """Imports of a room from which the importing room must not import."""
    return sorted(
        f"{module} imports {other}"
        for module in package.modules - FACES
        for other in package.own(module)
        if package.room(other) not in {"", package.room(module)} | allowed(package, module)
    )


def allowed(package: Package, module: str) -> set[str]:
    return MAY_IMPORT.get(package.room(module), set()) | COMMANDS.get(module, set())


def heavy(package: Package) -> list[str]:
    """Modules of light rooms that import, directly or not, what these must not."""
    return sorted(
        f"{module} imports {name} in {other}"
        for module in package.modules - COMMANDS.keys()
        for other in package.reached(module)
        for name in package.foreign(other) & LIGHT.get(package.room(module), set())
    )


@pytest.fixture(scope="module")
def package(root) -> Package:
    return Package(root / "workflow" / "seqfuse")


def test_no_modules_import_each_other_in_a_circle(package):
    assert circle({module: package.own(module) for module in package.modules}) == []


def test_every_folder_has_its_place(package):
    assert {package.room(module) for module in package.modules} - {""} == MAY_IMPORT.keys()


def test_only_commands_that_compute_with_a_model_import_torch(package):
    found = {
        f"{stage} {name}".strip()
        for stage, (_, commands) in cli.STAGES.items()
        for name, module in commands.items()
        if any(package.foreign(other) & MODELS for other in package.reached(module))
    }
    assert found == MODELLING


def test_imports_point_one_way_and_no_stage_imports_another(package):
    assert trespasses(package) == []


def test_what_every_command_imports_is_light(package):
    assert heavy(package) == []


def test_all_that_is_imported_is_declared(package, root):
    """Nothing comes in by way of another distribution; `yaml` is PyYAML, `RNA` ViennaRNA."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["tensorboard"] + extras["structure"]
    declared = {line.split("=")[0].split(">")[0].strip().replace("-", "_") for line in lines}
    declared |= {"Bio", "yaml", "sklearn", "umap", "RNA"}
    foreign = {name for module in package.modules for name in package.foreign(module)}
    assert foreign - sys.stdlib_module_names - declared == set()


def made(folder: Path, **sources: str) -> Package:
    """A package of modules, given as room__module="source"."""
    for name, source in sources.items():
        path = folder / "seqfuse" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(source)
    return Package(folder / "seqfuse")


def test_a_circle_through_a_function_is_found(tmp_path):
    inside = "def run():\n    from seqfuse.codons import job\n"
    found = made(tmp_path, codons__train=inside, codons__job="import seqfuse.codons.train\n")
    names = circle({module: found.own(module) for module in found.modules})
    assert set(names) == {"seqfuse.codons.train", "seqfuse.codons.job"}


def test_what_only_a_type_checker_imports_does_not_count(tmp_path):
    typing = "if TYPE_CHECKING:\n    from seqfuse.codons import job\nelse:\n    import json\n"
    found = made(tmp_path, codons__train=typing, codons__job="from seqfuse.codons import train\n")
    assert circle({module: found.own(module) for module in found.modules}) == []
    assert found.imports["seqfuse.codons.train"] == {"json"}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("codons__train", "language__suite"),
        ("bio__frames", "sequences__clean"),
        ("settings__paths", "plan__disk"),
        ("registry__arms", "settings__paths"),
        ("plan__tools__why", "report__build"),
        ("files", "encoders__store"),
    ],
)
def test_an_import_against_the_layers_is_named(importer, imported, tmp_path):
    importing, other = (f"seqfuse.{name.replace('__', '.')}" for name in (importer, imported))
    source = f"def run():\n    import {other}\n"
    found = made(tmp_path, **{importer: source, imported: ""})
    assert trespasses(found) == [f"{importing} imports {other}"]


def test_a_heavy_import_is_found_through_others(tmp_path):
    found = made(tmp_path, registry__arms="from seqfuse import tables\n", tables="import numpy\n")
    assert heavy(found) == ["seqfuse.registry.arms imports numpy in seqfuse.tables"]
