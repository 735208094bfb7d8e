"""One row more in a file of one's own: its chain runs again, and one sequence is embedded."""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from bench.workflow import finish
from seqfuse.encoders.models import random_models
from seqfuse.files import read_json
from seqfuse.plan import dry_run

OWN, OTHER, MODEL = "own", "demo-expression", "own-nt"
RECEIPT = f"results/demo/embeddings/{OWN}/dna.{MODEL}.json"
CONFIG = {
    "preset": "demo",
    "run": "demo",
    "studies": ["codons"],
    "seeds": 1,
    "datasets": {OWN: {"study": "codons", "source": "files", "files": [{"path": "own.csv"}]}},
    "models": {
        MODEL: {"kind": "folder", "layout": "nucleotide-transformer-v2", "path": "checkpoint"}
    },
    "codons": {"datasets": [OWN, OTHER], "arms": ["dna"], "encoders": {"dna": MODEL}},
}


@pytest.fixture(scope="module")
def finished(make_project):
    """A run that is finished as far as Snakemake knows, whose own set was really embedded."""
    made = make_project()
    draw = random.Random(0)
    rows = [f"{cds(draw)},{draw.random():.3f},{split}"
            for split in ["train"] * 30 + ["val"] * 10 + ["test"] * 10]  # fmt: skip
    (made.root / "own.csv").write_text("\n".join(["sequence,value,split", *rows, ""]))
    write_model(made.root / "checkpoint", seed=0)
    (made.root / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    made.snakemake("--cores", "1", RECEIPT)
    finish(made.root)
    return made


def write_model(folder: Path, seed: int) -> None:
    """A checkpoint of one's own, as one that was downloaded by hand."""
    folder.mkdir(exist_ok=True)
    random_models.write("nucleotide-transformer-v2", {}, seed, [], folder)


def cds(draw: random.Random) -> str:
    codons = ("GCT", "AAA", "CTG", "GAT", "TTC", "GGC", "ATC", "CAG")
    return "ATG" + "".join(draw.choices(codons, k=draw.randint(20, 30))) + "TAA"


def embedded(project) -> list[tuple[str, ...]]:
    """What each run of the embeddings of the own set said: distinct sequences, held, to embed."""
    log = project.root / "results" / "demo" / "logs" / "embeddings" / f"{OWN}.dna.{MODEL}.log"
    said = r"(\d+) distinct sequences, (\d+) in the store, (\d+) to embed"
    return re.findall(said, log.read_text())


def test_a_row_runs_its_own_chain_and_embeds_one_sequence(finished):
    assert embedded(finished) == [("50", "0", "50")]
    with (finished.root / "own.csv").open("a") as file:
        file.write(f"{cds(random.Random(1))},0.5,train\n")
    jobs = dry_run.plan([], finished.root)
    assert {job.rule for job in jobs} == {
        "data_records",
        "data_card",
        "sequences_codons",
        "embeddings",
        "codons_train",
        "codons_card",
        "controls_codons",
        "evaluation",
        "figures",
        "report",
    }
    assert not any(OTHER in job.wildcards for job in jobs)
    [first] = [job.reason for job in jobs if job.rule == "data_records"]
    assert first == "own.csv changed"
    finished.snakemake("--cores", "1", RECEIPT)
    assert embedded(finished) == [("51", "50", "1")]


def test_what_older_code_made_is_kept_on_record(finished):
    module = finished.root / "workflow" / "seqfuse" / "evaluation" / "answers.py"
    module.write_text(module.read_text() + "\n_EDITED = 1\n")

    def scored() -> set[str]:
        jobs = dry_run.plan([], finished.root)
        return {job.wildcards for job in jobs if job.rule == "evaluation"}

    both = {f"study=codons, suite={name}" for name in (OWN, OTHER)}
    assert scored() == both
    said = subprocess.run(
        ["seqfuse", "accept", "--because", "it is a test"],
        cwd=finished.root,
        env=os.environ | {"PYTHONPATH": str(finished.root / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # The own set has a row more, so that its scores are due in any case.
    assert "evaluation: 1 kept" in said and "due for other reasons" in said
    assert scored() == {f"study=codons, suite={OWN}"}
    [entry] = read_json(finished.root / "results/demo/report/accepted.json")["accepted"]
    assert entry["because"] == "it is a test"
    assert [job["wildcards"] for job in entry["jobs"]] == [f"study=codons, suite={OTHER}"]


def test_a_model_that_is_replaced_in_place_runs_what_reads_it(finished):
    write_model(finished.root / "checkpoint", seed=1)
    jobs = dry_run.plan([], finished.root)
    assert {"data_model", "embeddings", "codons_train"} <= {job.rule for job in jobs}
    [why] = [job.reason for job in jobs if job.rule == "data_model"]
    assert why == "checkpoint/model.safetensors changed"
    assert not any("demo-rnafm" in job.wildcards for job in jobs)
    write_model(finished.root / "checkpoint", seed=0)
