"""A canary on nodes of the private Slurm, each fault planted: one line, and nothing trains."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seqfuse.canary import submitted

TRAINED = "results/tiny/codons/tiny-codons/dna/predictions.parquet"
GPU = ("--partition=gpu", "--gpus=a100:1", "--mem=1000", "--quiet")
PLAIN = ("-m", "seqfuse.cli")
# A file system whose locks keep nobody out.
UNLOCKED = "import fcntl; fcntl.flock = lambda file, how: None"
# A GPU of 15 GB that computes.
SMALL = (
    "import torch; from seqfuse.canary import gpus; cuda = torch.cuda;"
    "cuda.is_available = lambda: True; cuda.device_count = lambda: 1;"
    "cuda.get_device_name = lambda index: 'T4';"
    "cuda.mem_get_info = lambda index: (15 * 10**9, 16 * 10**9);"
    "gpus._place = lambda index: torch.device('cpu')"
)


@pytest.fixture
def canary(cluster, root, tmp_path):
    """Run a canary under srun; its complaints, each from the node on."""
    folders = {"results": tmp_path / "results", "store": tmp_path / "store"}
    findings = tmp_path / "canary.json"

    def run(*words, here=None, program=PLAIN, start=(*GPU,), code: int = 1, **environment):
        path = {"PYTHONPATH": str(root / "workflow"), "SEQFUSE_DEVICE": "cpu"}
        told = (here or run.here).dumps()
        command = ["srun", *start, sys.executable, *program, "canary", "--submitted", told]
        done = subprocess.run(
            [*command, "--findings", str(findings), *words],
            env=cluster.environment | path | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        start = "seqfuse canary: error: "
        lines = [line for line in done.stderr.splitlines() if line.startswith(start)]
        rows = json.loads(findings.read_text())["findings"]
        assert all(row["node"] in ("gpu1", "gpu2", "gpu3") for row in rows)
        return [line.removeprefix(start) for line in lines]

    run.here = submitted.look(folders, {})
    run.folder = tmp_path
    return run


def with_patch(statements: str) -> tuple[str, str]:
    """A program that is `seqfuse` after some statements."""
    return "-c", f"{statements}; import sys; from seqfuse.cli import main; sys.exit(main())"


def assert_told(lines: list[str], check: str, *words: str) -> None:
    """There is one line, of a check on a node, with these words."""
    [line] = lines
    node, found, _ = line.split(": ", 2)
    assert node in ("gpu1", "gpu2", "gpu3") and found == check
    assert all(word in line for word in words), line


def test_a_good_node_is_told_nothing_of(canary):
    assert canary(code=0) == []


def test_another_checkout(canary, tiny, tmp_path, fresh):
    stale = fresh(tiny, tmp_path / "stale").root / "workflow"
    with (stale / "seqfuse" / "codons" / "train.py").open("a") as module:
        module.write("\nSTALE = True\n")
    lines = canary(PYTHONPATH=str(stale))
    assert_told(lines, "checkout", f"the code in {stale}/seqfuse differs from", "let nodes see")


def test_a_folder_that_the_node_does_not_see(canary):
    here = canary.here.folders["results"]
    Path(here.path).rename(canary.folder / "elsewhere")
    assert_told(canary(), "results visible", "does not exist", "start snakemake in a folder")


def test_another_folder_of_the_same_path(canary):
    store = canary.folder / "store"
    store.rename(canary.folder / "elsewhere")
    store.mkdir()
    assert_told(canary(), "store visible", "is a different folder", "set `store` in config.yaml")


def test_a_folder_that_cannot_be_locked(canary):
    here = replace(canary.here, folders={"results": canary.here.folders["results"]})
    lines = canary(here=here, program=with_patch(UNLOCKED))
    assert_told(lines, "results lockable", "two processes hold one lock at once", "mount it with")


def test_a_full_disk(canary):
    store = replace(canary.here.folders["store"], disk_mb=10**12)
    lines = canary(here=replace(canary.here, folders={"store": store}))
    assert_told(lines, "store room", "MB free (wanted: 1000000000500 MB)", "free some space")


def test_a_hub_cache_that_the_node_does_not_see(canary):
    home = canary.folder / "hub"
    here = submitted.look({"HF_HOME": home}, {})
    home.rename(canary.folder / "elsewhere")
    assert_told(canary(here=here), "HF_HOME visible", "does not exist", "set HF_HOME to a folder")


def test_a_gpu_that_torch_cannot_use(canary):
    lines = canary(SEQFUSE_DEVICE="")
    assert_told(lines, "GPU", "a GPU was granted (SLURM_", "built without CUDA")


def test_no_gpu_at_all(canary):
    lines = canary(start=("--partition=gpu", "--mem=500", "--quiet"), SEQFUSE_DEVICE="")
    assert_told(lines, "GPU", "Slurm granted none (wanted: 1 GPUs)", "slurm/partitions.yaml")


def test_a_gpu_with_less_memory_than_declared(canary):
    program = with_patch(SMALL)
    lines = canary("--memory-gb", "40", program=program, SEQFUSE_DEVICE="")
    assert_told(lines, "GPU 0 memory", "15.0 GB free of 16.0 GB (wanted: 40 GB)", "memory_gb")


def test_ranks_that_do_not_reach_each_other(canary):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python")
    start = (*GPU[:1], "--gpus=a100:2", "--nodes=1", "--mem=2000", "--quiet")
    lines = canary(
        "--processes", "2", start=start, GLOO_SOCKET_IFNAME="absent0",
        program=(*launcher, sys.executable, *PLAIN),
    )  # fmt: skip
    assert_told(lines, "all-reduce", "absent0", "GLOO_SOCKET_IFNAME")


def test_a_run_stops_before_its_first_job_and_is_told_why_in_one_line(chain):
    """The stand-in GPUs are the fault: torch cannot use them."""
    chain.environment["SEQFUSE_DEVICE"] = ""
    chain.configure(gpu={"canary": True})
    said = chain.finish(chain.submit(TRAINED), code=1)
    start = "cluster error: "
    lines = [line.removeprefix(start) for line in said.splitlines() if line.startswith(start)]
    assert lines[0] == "no job is submitted; canaries found:"
    assert_told(lines[1:], "GPU", "without CUDA")
    assert "FAILED" in chain.log("canary")
    [canary] = chain.jobs()
    assert canary["JobName"] == "seqfuse_canary" and canary["Partition"] == "gpu"


def test_a_canary_that_cannot_speak_is_told_of(chain):
    (chain.root / "bin" / "seqfuse").write_text("#!/bin/sh\nexit 1\n")
    chain.configure(gpu={"canary": True})
    said = chain.finish(chain.submit(TRAINED), code=1)
    assert "cluster error: gpu.one_gpu: it left no findings; see results/tiny/logs/" in said
    assert [job["JobName"] for job in chain.jobs()] == ["seqfuse_canary"]
