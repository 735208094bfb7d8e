"""Each task of a Slurm job array runs its own job from the start.

The executor starts every task as the snakemake of the array's *first* job, which then runs the
task's own job below it (its issue 447, seen in 2.8.0). The one above waits for the first job's
outputs, not for the task's: a task that ends long before the first counts as failed. And where a
task fails or is cancelled, the one above removes the first job's outputs, finished or not. Here the
task's own command takes its place, as if the job had been submitted alone.
"""

import argparse
import base64
import json
import os
import shutil
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

# Where the executor hands over the commands of all tasks but the first.
_COMMANDS = "--slurm-jobstep-array-execs"


def take_over(scratch: Path) -> None:
    """Replace this process by the task's own snakemake, if it is one of a job array.

    `scratch` is a temporary folder that this process would have removed at its end.
    """
    command = own_command(sys.argv[1:], os.environ)
    if command:
        shutil.rmtree(scratch, ignore_errors=True)
        os.execvp("sh", ["sh", "-c", command])


def own_command(words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The shell command of a task's own job; None outside of job arrays and for the first task,
    whose `words` are its own already."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(_COMMANDS, dest="commands")
    commands = parser.parse_known_args(words)[0].commands
    task = environment.get("SLURM_ARRAY_TASK_ID")
    if not commands or task in (None, environment.get("SLURM_ARRAY_TASK_MIN")):
        return None
    compressed = json.loads(base64.b64decode(commands))[task]
    return zlib.decompress(bytes.fromhex(compressed)).decode()
