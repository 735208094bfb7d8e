"""One set embedded in many jobs of a private Slurm: the overhead of the pipeline, parts included.

    python -m bench.scale_slurm --sequences 20000 --parts 16

Random sequences of 12 to 30 nt and an encoder of one layer, 16 wide. They are cleaned here; then
`snakemake --profile slurm` embeds them in parts, which are one job array, on the cluster of
tests/cluster, at most --at-once at a time. Prints a table as Markdown: time, jobs, files,
and what a reader takes.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bench.cluster import slurm
from bench.scale import read
from bench.workflow import ROOT, copy, snakemake, spent
from seqfuse.encoders.store import shards
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import sequence_hash

_CLEANED = "results/scale/sequences/short/records.parquet"
_MODEL = "results/scale/data/models/tiny-nt/manifest.json"
_RECEIPT = "results/scale/embeddings/short/sequence.tiny-nt.json"
_SHAPE = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
          "num_attention_heads": 1}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=20_000)
    parser.add_argument("--parts", type=int, default=16)
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="parts at once")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seqfuse-") as folder:
        rows = measured(Path(folder), args.sequences, args.parts, args.at_once)
    print(f"| {args.sequences:,} sequences in {args.parts} jobs | |", "|---|---|", sep="\n")
    print("\n".join(f"| {what} | {value} |" for what, value in rows))


def measured(folder: Path, count: int, parts: int, at_once: int) -> list[tuple[str, str]]:
    """What the run took; each sequence must be in the store once."""
    project = copy(folder / "project")
    sequences = write(project, count, parts)
    begun = time.perf_counter()
    snakemake(project, "--cores", "1", _CLEANED, _MODEL)
    cleaned = time.perf_counter() - begun
    before = spent()
    snakemake(project, _RECEIPT, "-n", "--quiet", "all")
    planned = spent() - before
    with slurm.Slurm(folder / "slurm", accounting=False) as cluster:
        _spare_gpus(cluster, at_once)
        begun = time.perf_counter()
        with (folder / "said.txt").open("w+") as said:
            code = subprocess.run(
                [sys.executable, ROOT / "tests" / "cluster" / "quick.py", _RECEIPT]
                + ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "1"],
                cwd=project,
                # The cluster's GPUs are stand-ins.
                env=cluster.environment
                | {"PYTHONPATH": str(project / "workflow"), "SEQFUSE_DEVICE": "cpu"},
                stdout=said,
                stderr=subprocess.STDOUT,
            ).returncode
            said.seek(0)
            assert not code, said.read()[-4000:]
        took = time.perf_counter() - begun
        jobs = cluster.jobs(project)
    receipt = json.loads((project / _RECEIPT).read_text())
    store = project / receipt["store"] / receipt["key"]
    files = [path for path in store.rglob("*") if path.is_file()]
    stored = [row.sequence for row in Store(store).stream()]
    hashes = [sequence_hash(sequence) for sequence in sequences]
    assert len(stored) == len(set(stored)) == len(hashes) and set(stored) == set(hashes)
    opened, looked, memory = read(store, hashes)
    arrays = {job["ArrayJobId"] for job in jobs if "ArrayJobId" in job}
    states = sorted({job["JobState"] for job in jobs})
    return [
        ("cleaned beforehand, in one job", f"{cleaned:.0f} s"),
        ("plan of the parts, processor time", f"{planned:.1f} s"),
        ("jobs, job arrays, how they ended", f"{len(jobs)}, {len(arrays)}, {' '.join(states)}"),
        ("embedded, by the clock", f"{took / 60:.1f} min, {at_once} parts at once"),
        ("sequences a second", f"{count / took:,.0f}"),
        ("rows in the store, each once", f"{len(stored):,}"),
        (
            "files in the store",
            f"{len(files)}, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB",
        ),
        ("shards, each with a footer", f"{len(shards.listed(store))}"),
        ("a reader opens it", f"{opened:.2f} s; after 10,000 look-ups +{memory:.0f} MB"),
        ("a look-up", f"{1e6 * looked / 10_000:.0f} us"),
    ]


def write(project: Path, count: int, parts: int) -> list[str]:
    """Distinct sequences as a file of one's own, and the configuration that embeds them."""
    draw = random.Random(0)
    made: dict[str, None] = {}
    while len(made) < count:
        made["".join(draw.choices("ACGT", k=draw.randint(12, 30)))] = None
    splits = ["test", "val"] * 10 + ["train"] * (count - 20)
    with (project / "short.csv").open("w") as file:
        file.write("sequence,label,split\n")
        for row, (sequence, split) in enumerate(zip(made, splits, strict=True)):
            file.write(f"{sequence},{row // 2 % 2},{split}\n")
    configuration = {
        "preset": "demo",
        "run": "scale",
        "gpu": {"canary": False},
        "jobs": {
            "sequences_a_part": math.ceil((count + 1) / parts),  # the file's head counts
            "gpu": {"threads": 1, "mem_mb": 2000, "runtime": 60},
        },
        "models": {"tiny-nt": {
            "kind": "scratch", "layout": "nucleotide-transformer-v2", "config": _SHAPE,
        }},
        "datasets": {"short": {
            "study": "language", "source": "files", "files": [{"path": "short.csv"}],
            "question": "Which?", "labels": {"0": "no", "1": "yes"},
        }},
        "studies": ["language"],
        "language": {"suites": {"short": ["short"]}, "methods": ["linear"], "encoder": "tiny-nt"},
    }  # fmt: skip
    (project / "config.yaml").write_text(yaml.safe_dump(configuration))
    (project / "slurm" / "preset.yaml").write_text("preset: demo\n")
    return list(made)


def _spare_gpus(cluster, at_once: int) -> None:
    """Leave as many GPUs as parts may run at once: a job of each takes memory of this machine."""
    free = 0
    for node in (name for name, kind in slurm.NODES.items() if kind == "gpu"):
        if free >= at_once:
            cluster.run("scontrol", "update", f"nodename={node}", "state=drain", "reason=spared")
        free += slurm.GPUS_A_NODE


if __name__ == "__main__":
    main()
