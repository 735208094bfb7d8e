"""Where models compute: a granted GPU that torch cannot use is an error, never the CPU."""

import pytest
import torch

from seqfuse.errors import UserError
from seqfuse.training import device as devices
from seqfuse.training.distributed import launch


@pytest.fixture
def no_cuda(monkeypatch):
    """A build of torch without CUDA."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)


@pytest.fixture
def old_driver(monkeypatch):
    """A build with CUDA on a node whose driver is too old, which torch also warns of."""

    def init():
        raise RuntimeError(
            "The NVIDIA driver on your system is too old\n(found version 11040). Please update."
        )

    def is_available():
        import warnings

        warnings.warn("CUDA initialization: too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "init", init)


def test_without_a_grant_it_is_the_cpu(no_cuda):
    assert devices.grant() is None
    assert devices.device() == torch.device("cpu")


def test_a_gpu_is_used(cards):
    assert devices.device() == torch.device("cuda")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_JOB_GPUS", "0"),
        ("SLURM_STEP_GPUS", "3"),
        ("CUDA_VISIBLE_DEVICES", "0"),
        ("CUDA_VISIBLE_DEVICES", "GPU-5f3a"),
        ("SLURM_GPUS_ON_NODE", "1"),
        ("SLURM_GPUS", "a100:2"),
        ("SLURM_GPUS_PER_NODE", "v100:0,a100:1"),
        ("SLURM_GPUS_PER_TASK", "1"),
    ],
)
def test_a_grant_that_cannot_be_used_is_one_line(no_cuda, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as raised:
        devices.device()
    line = str(raised.value)
    assert f"a GPU was granted ({name}={value}), but torch {torch.__version__}" in line
    assert "built without CUDA" in line and "SEQFUSE_DEVICE=cpu" in line and "\n" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUDA_VISIBLE_DEVICES", ""),
        ("CUDA_VISIBLE_DEVICES", "-1"),
        ("CUDA_VISIBLE_DEVICES", "NoDevFiles"),
        ("CUDA_VISIBLE_DEVICES", "void"),
        ("SLURM_GPUS_ON_NODE", "0"),
        ("SLURM_GPUS", "a100:0"),
        ("SLURM_JOB_GPUS", ""),
    ],
)
def test_none_is_no_grant(no_cuda, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert devices.device() == torch.device("cpu")


def test_a_driver_that_is_too_old_is_told_in_its_own_words(old_driver, monkeypatch, recwarn):
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    with pytest.raises(UserError) as raised:
        devices.device()
    line = str(raised.value)
    assert "built for CUDA 12.8" in line and "is too old (found version 11040)" in line
    assert "nvidia-smi" in line and "\n" not in line
    assert not recwarn.list


def test_the_cpu_can_be_chosen_on_any_node(no_cuda, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    monkeypatch.setenv("SEQFUSE_DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")


def test_the_cpu_can_be_chosen_beside_a_gpu(cards):
    cards.setenv("SEQFUSE_DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")


def test_another_choice_is_refused(monkeypatch):
    monkeypatch.setenv("SEQFUSE_DEVICE", "gpu")
    with pytest.raises(UserError, match="SEQFUSE_DEVICE=gpu: the only value is `cpu`"):
        devices.device()


def test_several_processes_do_not_start_on_the_cpu_either(no_cuda, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_GPUS", "0,1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="a GPU was granted"), launch.started(2):
        pass


def test_nothing_else_decides_where_models_compute(root):
    package = root / "workflow" / "seqfuse"
    asking = {p for p in package.rglob("*.py") if "cuda.is_available" in p.read_text("utf-8")}
    assert asking == {package / "training" / "device.py"}


# --- free memory ----------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 100 GB free, and what its control groups say, as {path: content}."""
    monkeypatch.setenv("SEQFUSE_DEVICE", "cpu")

    def make(groups: str | None, **files: str) -> int:
        (tmp_path / "proc" / "self").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / "meminfo").write_text("MemTotal: 128 kB\nMemAvailable: 100000000 kB\n")
        if groups:
            (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
        for name, content in files.items():
            path = tmp_path / "sys" / "fs" / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return devices.free_memory(tmp_path)

    return make


GB = 10**9


def test_full_scale_without_control_groups_memory_is_the_machines(machine):
    assert machine(None) == machine("0::/\n") == 1024 * 10**8


def test_full_scale_a_slurm_job_has_the_memory_it_asked_for(machine):
    """Version 2, where the step has no limit of its own, and its job above it has."""
    job = "system.slice/slurmstepd.scope/job_7"
    files = {
        f"{job}/step_0/memory.max": "max\n",
        f"{job}/memory.max": f"{64 * GB}\n",
        f"{job}/memory.current": f"{20 * GB}\n",
        # The kernel gives pages of files back that nothing uses.
        f"{job}/memory.stat": f"anon {8 * GB}\ninactive_file {12 * GB}\n",
    }
    assert machine(f"0::/{job}/step_0\n", **files) == 56 * GB
    files[f"{job}/memory.current"] = f"{90 * GB}\n"
    assert machine(f"0::/{job}/step_0\n", **files) == 0


def test_full_scale_a_container_of_version_1_has_its_limit(machine):
    """It sees its own group at the top, whatever path the host has for it."""
    groups = "12:cpu,cpuacct:/docker/a\n5:memory:/docker/a\n1:name=systemd:/docker/a\n"
    files = {
        "memory/memory.limit_in_bytes": f"{32 * GB}",
        "memory/memory.usage_in_bytes": f"{30 * GB}",
        "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {3 * GB}",
    }
    assert machine(groups, **files) == 5 * GB
    # No limit is a number that no machine has.
    files["memory/memory.limit_in_bytes"] = str(2**63 - 4096)
    assert machine(groups, **files) == 1024 * 10**8
