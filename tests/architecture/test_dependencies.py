"""Each rule's hash covers exactly what `dependencies.yaml` lists, and no import escapes it."""

import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path

import pytest
import yaml

from seqfuse import fingerprint

HERE = Path(__file__).parent
specification = importlib.util.spec_from_file_location("dependencies", HERE / "dependencies.py")
dependencies = importlib.util.module_from_spec(specification)
specification.loader.exec_module(dependencies)

LISTED = yaml.safe_load(dependencies.LISTED.read_text())
FOUND = dependencies.listing()


def test_every_rule_that_computes_is_listed():
    assert FOUND.keys() == LISTED.keys()


@pytest.mark.parametrize("rule", LISTED)
def test_a_rule_depends_on_what_is_listed(rule):
    """If this fails and the change is meant: run dependencies.py and review the difference."""
    assert FOUND[rule] == LISTED[rule]


def test_every_import_is_a_locked_distribution_or_none_of_results():
    held = importlib.metadata.packages_distributions()
    modules = [
        ".".join(path.relative_to(fingerprint.PACKAGE.parent).with_suffix("").parts)
        for path in fingerprint.PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    ]
    pins = fingerprint._pins()
    for module in modules:
        for name in set(fingerprint._parsed(module).others) - set(fingerprint._UNLOCKED):
            found = fingerprint.distribution(name)
            # Snakemake's executor plugin lives below the name of Snakemake itself.
            real = {fingerprint.distribution(d) for d in held.get(name, [])}
            assert found in pins and found in real, f"{module} imports {name}"


@pytest.mark.parametrize(
    ("rule", "foreign"),
    [
        ("language_finetune", "data."),
        ("language_finetune", "language.methods.onevocab"),
        ("language_finetune", "encoders.embedder"),
        ("language_predict", "training.trainer"),
        ("embeddings", "language."),
        ("sequences", "data."),
        ("figures", "evaluation."),
        ("report", "figures."),
    ],
)
def test_an_edit_there_makes_nothing_of_this_rule_again(rule, foreign):
    assert not [name for name in FOUND[rule]["modules"] if name.startswith(foreign)]


@pytest.mark.parametrize("file", ["page.html.j2", "macros.html.j2", "style.css", "script.js"])
def test_an_edit_of_a_template_makes_the_report_again_and_nothing_else(file):
    holders = [rule for rule in FOUND if f"report/templates/{file}" in FOUND[rule]["files"]]
    assert holders == ["report"]


def test_package_data_is_installed_and_covered():
    """A suffix that the fingerprint does not know would be invisible to every hash."""
    declared = tomllib.loads((dependencies.ROOT / "pyproject.toml").read_text())
    patterns = declared["tool"]["setuptools"]["package-data"]
    installed = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in fingerprint.PACKAGE.parent.joinpath(*package.split(".")).glob(glob)
    }
    files = (path for path in fingerprint.PACKAGE.rglob("*") if path.is_file())
    data = {path for path in files if path.suffix not in (".py", ".pyc")}
    assert data == installed
    assert {path.suffix for path in data} <= set(fingerprint.DATA)


def test_no_rule_that_trains_depends_on_what_only_draws():
    for rule in ("language_finetune", "language_pretrain", "codons_train", "embeddings"):
        drawing = {"matplotlib", "pandas", "jinja2", "umap-learn", "openai", "snakemake"}
        assert not drawing & set(FOUND[rule]["distributions"])
