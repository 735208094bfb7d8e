"""`pip install .`, not editable: commands run in another folder, without the checkout."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from seqfuse.files import write_json
from seqfuse.language.finetuning.checkpoint import Description

TINY = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": 400}
TINY |= {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 16}
VARIANTS = {"source": "synthetic", "study": "language", "generator": "variants"}


class Installed:
    """The package in a folder `site`, in front of the checkout's; `folder` is where it runs."""

    def __init__(self, site: Path, folder: Path):
        self.site, self.folder = site, folder

    def python(self, *words: object) -> subprocess.CompletedProcess:
        command = [sys.executable, *map(str, words)]
        env = {**os.environ, "PYTHONPATH": str(self.site)}
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)

    def seqfuse(self, *words: object) -> str:
        """What a command prints; it must not fail."""
        done = self.python(self.site / "bin" / "seqfuse", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    source, site = folder / "source", folder / "site"
    passed_over = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(
        root / "workflow" / "seqfuse", source / "workflow" / "seqfuse", ignore=passed_over
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(site), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "elsewhere").mkdir()
    return Installed(site, folder / "elsewhere")


@pytest.fixture(scope="module")
def records(installed) -> Path:
    """The records of a demo dataset."""
    words = ["--name", "mine", "--entry", json.dumps(VARIANTS), "--card", "card.json"]
    installed.seqfuse("data", "records", *words, "--out", "records.parquet")
    return installed.folder / "records.parquet"


def test_every_file_of_the_package_is_installed(installed, root):
    source, target = root / "workflow" / "seqfuse", installed.site / "seqfuse"
    files = [path for path in source.rglob("*") if path.is_file()]
    files = [path.relative_to(source) for path in files if path.suffix != ".pyc"]
    assert [path for path in files if not (target / path).is_file()] == []
    done = installed.python("-c", "import seqfuse; print(seqfuse.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(target)


def test_ask_answers_with_a_tiny_checkpoint(installed, records):
    """A scratch backbone and method.json: what fine-tuning writes of the method `text_only`."""
    seed = installed.folder / "model" / "seed0"
    entry = json.dumps({"kind": "scratch", "layout": "qwen3", "config": TINY})
    installed.seqfuse(
        "data", "model", "--name", "tiny", "--entry", entry, "--text", records, "--out", seed
    )
    labels = {"mine": ["benign", "pathogenic"]}
    described = Description(
        "text_only", "text_only", "s", 0, {}, labels, None, 0, None, [], "float32"
    )
    write_json(seed / "method.json", asdict(described))
    (installed.folder / "dna.fa").write_text(">a\nACGTACGT\n")
    words = ["--model", "model", "--dna", "dna.fa", "--question", "Which?", "--json"]
    (line,) = installed.seqfuse("ask", *words, "--max-new-tokens", 2).splitlines()
    answer = json.loads(line)
    assert answer["id"] == "a" and set(answer["probabilities"]) == set(labels["mine"])


def test_help_has_the_schemas_flags(installed):
    assert "--max-new-tokens" in installed.seqfuse("ask", "--help")


def test_what_needs_the_checkout_says_so_in_one_line(installed):
    code = "from seqfuse.settings import configuration; configuration.resolve({})"
    done = installed.python("-c", code)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("seqfuse.errors.UserError: ")
    assert "resources/datasets.yaml: not found" in last and "run this from a checkout" in last
