"""Each rule's hash covers exactly what `dependencies.yaml` lists, and no import escapes it."""

import importlib.metadata
import importlib.util
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


def test_no_rule_that_trains_depends_on_what_only_draws():
    for rule in ("language_finetune", "language_pretrain", "codons_train", "embeddings"):
        drawing = {"matplotlib", "pandas", "jinja2", "umap-learn", "openai", "snakemake"}
        assert not drawing & set(FOUND[rule]["distributions"])
