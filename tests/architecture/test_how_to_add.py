"""The examples of docs/how-to-add.md, applied to a copy of the package, do what the page says."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from seqfuse import tables

_PAGE = "docs/how-to-add.md"


@dataclass(frozen=True)
class Page:
    """The page: by heading, its text."""

    sections: dict[str, str]

    def blocks(self, heading: str, language: str) -> list[str]:
        """The code blocks of a section in one language."""
        return re.findall(rf"```{language}\n(.*?)```", self.sections[heading], re.DOTALL)


@dataclass(frozen=True)
class Copy:
    """A copy of the package with every example in it."""

    root: Path

    def python(self, *words: object) -> str:
        """What a Python of the copy prints; a failure shows both streams."""
        environment = os.environ | {"PYTHONPATH": str(self.root / "workflow")}
        command = [sys.executable, *map(str, words)]
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def seqfuse(self, *words: object) -> str:
        """Run a command of the copy."""
        return self.python("-m", "seqfuse.cli", *words)


@pytest.fixture(scope="module")
def page(root) -> Page:
    parts = re.split(r"^## (.+)\n", (root / _PAGE).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return Page(dict(zip(parts[1::2], parts[2::2], strict=True)))


@pytest.fixture(scope="module")
def copy(root, page, tmp_path_factory) -> Copy:
    target = tmp_path_factory.mktemp("copy")
    for folder in ("workflow", "resources", "envs"):
        shutil.copytree(
            root / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for heading, text in page.sections.items():
        for path, source in re.findall(
            r"`(workflow/\S+)`:\n\n```python\n(.*?)```", text, re.DOTALL
        ):
            (target / path).write_text(source, encoding="utf-8")
        for diff in page.blocks(heading, "diff"):
            patch = ["git", "apply", "--whitespace=nowarn", "-"]
            done = subprocess.run(patch, cwd=target, input=diff, capture_output=True, text=True)
            assert done.returncode == 0, f"{_PAGE}, {heading}: {done.stderr}{diff}"
    return Copy(target)


def test_every_entry_is_in_the_registry_and_names_a_module_that_is_there(copy):
    listed = copy.python(
        "-c",
        "import json; from seqfuse.registry import arms, figures, methods, titles;"
        "figure = figures.FIGURES['imbalance'];"
        "print(json.dumps([methods.METHODS['spaced_text'].implementation,"
        " arms.ARMS['mean_states'].fusion, figure.module, figure.title,"
        " titles.TITLES['cpg'], titles.TITLES['mean_states']]))",
    )
    *places, figure, control, arm = json.loads(listed)
    assert (figure, control, arm) == ("Accuracy less macro-F1", "CpG ratio", "Mean of states")
    for place in places:
        module, _, name = place.partition(":")
        source = copy.root.joinpath("workflow", *module.split(".")).with_suffix(".py").read_text()
        assert f"class {name}(" in source or "def draw(" in source


def test_the_dataset_is_read(copy, page):
    (text,) = page.blocks("A dataset", "csv")
    (copy.root / "half_life.csv").write_text(text)
    settings = yaml.safe_load(page.blocks("A dataset", "yaml")[0])
    (copy.root / "config.json").write_text(json.dumps(settings))
    resolved = copy.python(
        "-c",
        "import json; from seqfuse.settings import configuration;"
        "found = configuration.resolve(json.load(open('config.json')));"
        "print(json.dumps([found['codons']['datasets'], found['datasets']['half-life']]))",
    )
    named, entry = json.loads(resolved)
    assert named == ["half-life"]
    files = ("--out", "records.parquet", "--card", "source.json")
    copy.seqfuse("data", "records", "--name", "half-life", "--entry", json.dumps(entry), *files)
    records = pq.read_table(copy.root / "records.parquet").to_pylist()
    assert [row["split"] for row in records] == ["train", "train", "val", "test", "test"]
    assert [row["value"] for row in records] == [12.5, 7.0, 9.5, 8.0, 10.0]


def test_the_control_predicts_by_cpg(copy):
    """CGCG: 2 of 4 letters C, as many G, 2 CG: 2 * 4 / (2 * 2) = 2. CCGG: 1 * 4 / (2 * 2) = 1."""
    ratio = copy.python(
        "-c",
        "from seqfuse.controls.labels.label_controls import _cpg;"
        "print(_cpg(['CGCG', 'CCGG', 'AAAA']).tolist())",
    )
    assert json.loads(ratio) == [[2.0], [1.0], [0.0]]
    rows = [
        {"id": f"{split}{i}", "split": split, "sequence": sequence, "label": label}
        for split in ("train", "val", "test")
        for i, (sequence, label) in enumerate([("CGCGCG", "island"), ("CCCGGG", "none")] * 4)
    ]
    tables.write(copy.root / "labelled.parquet", tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
    words = ("--suite", "one", "--datasets", "one", "--records", "labelled.parquet")
    copy.seqfuse("controls", "language", *words, "--out", "controls.parquet")
    said = pq.read_table(copy.root / "controls.parquet").to_pylist()
    by_cpg = {row["id"]: row["predicted"] for row in said if row["method"] == "cpg"}
    assert by_cpg == {row["id"]: row["label"] for row in rows if row["split"] != "train"}


def test_a_file_of_ones_own_is_registered_hashed_and_used(copy, page):
    """Of states 1 and 2 through weights 1: tanh(2); the second codon is padding."""
    heading = "From a file of your own"
    (copy.root / "my_fusion.py").write_text(page.blocks(heading, "python")[0])
    settings = yaml.safe_load(page.blocks(heading, "yaml")[0])
    (copy.root / "config.json").write_text(json.dumps(settings))
    seen = copy.python(
        "-c",
        "import json, os, sys; from seqfuse.settings import configuration;"
        "found = configuration.resolve(json.load(open('config.json')));"
        "assert 'torch' not in sys.modules;"
        "os.environ['SEQFUSE_PLUGINS'] = found['plugins'][0];"
        "from seqfuse.plan.run import Run; from seqfuse.fingerprint import closure;"
        "modules = Run(found).fusion('own_max');"
        "assert 'my_fusion' in closure('seqfuse.codons.train', *modules).modules;"
        "import torch; from seqfuse.registry import arms, plugins;"
        "fusion = plugins.load(arms.ARMS['own_max'].fusion)({'dna': 1, 'rna': 1}, 1);"
        "[torch.nn.init.constant_(p, p.ndim > 1) for p in fusion.parameters()];"
        "views = {'dna': torch.ones(1, 2, 1), 'rna': 2 * torch.ones(1, 2, 1)};"
        "states = fusion(views, torch.tensor([[1.0, 0.0]])).states;"
        "counted = plugins.features('codons')['own_codons'](['ATGTAA']);"
        "print(json.dumps([states[0, :, 0].tolist(), counted.tolist()]))",
    )
    (first, padding), counted = json.loads(seen)
    assert first == pytest.approx(0.9640, abs=1e-4) and padding == 0 and counted == [[2.0]]


def test_the_metric_is_cohens(copy):
    """Gold AABB, predicted ABBB: 3/4 agree, (2 * 1 + 2 * 3) / 16 = 1/2 do by chance."""
    kappa = copy.python(
        "-c",
        "import numpy as np; from seqfuse.evaluation import metrics;"
        "from seqfuse.registry.metrics import METRICS;"
        "counted = metrics.counts(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2);"
        "print(METRICS['kappa'].better, float(metrics.classification(counted)['kappa']))",
    )
    assert kappa.split() == ["higher", "0.5"]


def test_the_figure_has_its_table_its_picture_and_its_caption(copy):
    place = {"study": "language", "suite": "s", "split": "test", "subset": "all", "probe": "none"}
    scored = {"low": 0.0, "high": 1.0, "n": 100, "clusters": 100, "seeds": 1}
    scored["trained_parameters"] = 1
    rows = [
        place | scored | {"dataset": "d", "method": m, "kind": kind, "metric": metric, "value": v}
        for m, kind, values in (
            ("onevocab", "method", (0.75, 0.5)),
            ("linear", "method", (0.5, 0.25)),
            ("majority", "control", (0.5, 0.25)),
        )
        for metric, v in zip(("accuracy", "macro_f1"), values, strict=True)
    ]
    written = tables.from_rows(rows, tables.METRICS)
    tables.write(copy.root / "metrics.parquet", written, tables.METRICS)
    words = ("--figure", "imbalance", "--metrics", "metrics.parquet", "--out", "imbalance")
    copy.seqfuse("figures", *words)
    lines = (copy.root / "imbalance.csv").read_text().splitlines()
    assert lines[1:] == ["s,d,linear,0.5,0.25,0.25", "s,d,onevocab,0.75,0.5,0.25"]
    assert "comes from common classes" in (copy.root / "imbalance.md").read_text()
    assert (copy.root / "imbalance.svg").stat().st_size > 1000
