"""How a training command is started: alone, on several GPUs of a node, on several nodes."""

from collections.abc import Mapping


def launched(command: str, gpu: Mapping[str, int], threads: int) -> str:
    """A training command as its shell runs it: as it is for one process, else with a launcher.

    On one node this is `accelerate launch`. Its `--multi_gpu` selects torch's launcher, which
    forwards SIGTERM to the trainers and also starts them on CPUs; port 0 means any free port. On
    several nodes it is torchrun itself, one on each node under srun: these find each other, whereas
    accelerate must be told the rank of each node, and refuses a port that is in use on its host.
    """
    each, nodes = gpu["count"], gpu["nodes"]
    if each * nodes == 1:
        return command
    if nodes == 1:
        words = [
            "accelerate launch --multi_gpu --mixed_precision no --dynamo_backend no",
            f"--num_machines 1 --num_processes {each} --main_process_port 0 --no_python",
        ]
    else:
        words = [
            f"srun --nodes {nodes} --ntasks {nodes} --ntasks-per-node 1"
            f" --cpus-per-task {each * threads} --kill-on-bad-exit=1",
            f"torchrun --nnodes {nodes} --nproc-per-node {each} --rdzv-backend c10d",
            "--rdzv-endpoint $(hostname):$((20000 + SLURM_JOB_ID % 20000))",
            "--rdzv-id $SLURM_JOB_ID --no-python",
        ]
    return " ".join([*words, command, "--processes", str(each * nodes)])
