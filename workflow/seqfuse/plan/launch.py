"""How a training command is started: alone, on several GPUs of a node, on several nodes."""

from collections.abc import Mapping


def launched(command: str, gpu: Mapping[str, int], threads: int) -> str:
    """A training command as its shell runs it: plain in one process, else through a launcher.

    On one node that is accelerate's, whose `--multi_gpu` means torch's own, which hands SIGTERM on
    to the trainers and starts them on CPUs too; port 0 is any that is free. Over several nodes it
    is torch's own by its name, one a node under srun: they find each other, whereas accelerate's
    must be told each node's rank and refuses a port that another node of the same host holds.
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
