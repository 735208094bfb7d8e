"""What the README says of data of one's own, done as it says: from its text to new sequences."""

import csv
import random
import re
import shlex

import pytest
import yaml

from seqfuse.cli import main

# What of each run is made: all that its predictions read. Fewer seeds and steps, to be quick.
MADE = {
    "mine.yaml": (
        "results/my-property/codons/my-property/concat/arm.json",
        *("--config", "seeds=1"),
    ),
    "task.yaml": (
        "results/my-task/language/mine/onevocab/model/seed0/manifest.json",
        *("--config", "seeds=1", "language={training: {steps: 2, validate_every: 2}}"),
    ),
}


@pytest.fixture(scope="module")
def blocks(root) -> list[tuple[str, str]]:
    """(language, text) of each block of the section, in order."""
    text = (root / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Your own data\n")[2].partition("\n## ")[0]
    return re.findall(r"^```(\w*)\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def project(blocks, make_project):
    """A copy of the project with the README's configurations and files of one's own."""
    made, draw = make_project(), random.Random(0)
    written = [block for language, block in blocks if language == "yaml"]
    for name, block in zip(MADE, written, strict=True):
        (made.root / name).write_text(block)

    def cds() -> str:
        codons = ("GCT", "GCC", "AAA", "AAG", "CTG", "TTA", "GAT", "GAC")
        return "ATG" + "".join(draw.choices(codons, k=draw.randint(20, 30))) + "TAA"

    splits = ["train"] * 30 + ["val"] * 10 + ["test"] * 10
    rows = [f"{cds()},{draw.random():.3f},{split}" for split in splits]
    (made.root / "my.csv").write_text("\n".join(["cds,half_life,split", *rows, ""]))
    fasta = [f">{i}|{i % 2}\n{''.join(draw.choices('ACGT', k=60))}\n" for i in range(40)]
    (made.root / "train.fna").write_text("".join(fasta[:30]))
    (made.root / "test.fna").write_text("".join(fasta[30:]))
    (made.root / "new.fa").write_text(f">one\n{cds()}\n>two\n{cds()}\n")
    promoters = ["".join(draw.choices("ACGT", k=60)) for _ in range(2)]
    (made.root / "new.fna").write_text(">one\n{}\n>two\n{}\n".format(*promoters))
    return made


def test_own_data_the_readmes_blocks_lead_to_new_sequences(
    root, blocks, project, monkeypatch, capsys
):
    typed = [block.replace("\\\n", " ") for language, block in blocks if not language]
    first, *commands = [line for block in typed for line in block.splitlines()]
    # Where the tests run, that environment is active; `make demo` names the same line.
    assert (activate := first.partition(" #")[0]) == ". .venv/bin/activate"
    assert activate in (root / "Makefile").read_text()
    assert [words.split()[0] for words in commands].count("snakemake") == len(MADE)
    said = {}
    for command in commands:
        words = shlex.split(command)
        if words[0] == "snakemake":
            project.snakemake("--cores", "1", *MADE[words[-1]], *words[1:])
            continue
        # Not a process each, which would import torch again.
        monkeypatch.chdir(project.root)
        status, told = main(words[1:]), capsys.readouterr()
        assert (words[0], status) == ("seqfuse", 0), told.err
        said[" ".join(words[:3])] = told.out + told.err
    with (project.root / "new.csv").open() as file:
        predicted = {row["id"]: float(row["prediction"]) for row in csv.DictReader(file)}
    assert predicted.keys() == {"one", "two"}
    assert "its score: " in said["seqfuse codons predict"]
    task = yaml.safe_load((project.root / "task.yaml").read_text())
    labels = task["datasets"]["my-task"]["labels"]
    with (project.root / "answers.csv").open() as file:
        answers = {row["id"]: row for row in csv.DictReader(file)}
    assert answers.keys() == {"one", "two"}
    for row in answers.values():
        assert sum(float(row[f"p({label})"]) for label in labels.values()) == pytest.approx(1)
        assert row["blanked"] in labels.values()
    with (project.root / "design.csv").open() as file:
        assert {row["kind"] for row in csv.DictReader(file)} >= {"given", "single"}
