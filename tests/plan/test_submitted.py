"""What sbatch is told of our jobs, by the executor's own functions: reports of others, tried."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string

from seqfuse.plan.inputs import Inputs
from seqfuse.plan.submission.resources import Needs

PARAMS = {"run_uuid": "run", "slurm_logfile": "log", "comment_str": "rule", "workdir": "/",
          "account": "", "partition": ""}  # fmt: skip


class Resources(dict):
    """Resources of a job, as the executor reads them."""

    __getattr__ = dict.__getitem__


def job(threads: int = 1, **resources):
    known = {name: value for name, value in resources.items() if not callable(value)}
    return SimpleNamespace(name="a", threads=threads, resources=Resources(known))


@pytest.fixture
def training(make_run):
    """The training job of a configuration of GPUs."""

    def make(**gpu):
        run = make_run(gpu={"model": "a100", **gpu})
        needs = Needs(run, Inputs(run), unknown=str)
        return job(needs.threads("gpu"), **needs.training("language_finetune", None))

    return make


def words(job) -> set[str]:
    return set((get_submit_command(job, PARAMS) + set_gres_string(job)).split())


def test_two_gpus_are_one_task_of_one_node(training):
    told = words(training(count=2, nodes=1))
    assert {"--gpus=a100:2", "--nodes=1", "--cpus-per-task=4"} <= told
    assert not [word for word in told if word.startswith("--ntasks")]


def test_two_nodes_are_two_tasks_and_none_a_gpu(training):
    told = words(training(count=2, nodes=2))
    assert {"--gpus=a100:4", "--nodes=2", "--ntasks=2"} <= told
    assert not [word for word in told if word.startswith("--ntasks-per-gpu")]


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (job(mem_mb=16_000, runtime=240, threads=4), "cpu"),
        (job(mem_mb=64_000, runtime=240, gpu=1, gpu_model="a100", threads=8), "gpu"),
        # Three GPUs of preset paper, at their second attempt.
        (job(mem_mb=2 * 3 * 64_000, runtime=480, gpu=3, gpu_model="a100", threads=8), "gpu"),
        # What no CPU node has goes to a GPU node, without its GPUs.
        (job(mem_mb=64_001, runtime=240), "gpu"),
        (job(mem_mb=64_000, runtime=5761), None),
    ],
)
def test_jobs_without_a_gpu_go_to_cpu_nodes_that_can_take_them(root, asked, chosen):
    known = read_partition_file(Path(root / "slurm" / "partitions.yaml"))
    logger = SimpleNamespace(debug=str, info=str, warning=str)
    assert get_best_partition(known, asked, logger) == chosen
    if not asked.resources.get("gpu"):
        assert "--gpus" not in " ".join(words(asked))
