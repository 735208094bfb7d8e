"""Keep results that older code made, and have it on record.

After an update, stages whose code changed are due, although you may know that the change cannot
move a result, and making them again may cost days. This marks as up to date what is due for its
code, or for the versions that it imports, and for nothing else; what is due for another reason
stays due. Each kept job is written down with the day, the commit and your reason, in
results/<run>/report/accepted.json, and the report says so.

    seqfuse why --profile slurm
    seqfuse accept --profile slurm --because "only messages to the user changed"
"""

import argparse
import datetime
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.plan import dry_run
from seqfuse.settings.paths import commit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)
    parser.add_argument(
        "--because", required=True, metavar="REASON", help="why these results still hold"
    )


def run(args: argparse.Namespace) -> None:
    kept: list[dry_run.Job] = []
    # A job that follows another shows its own reason once that one is up to date.
    while jobs := [job for job in _planned(args, args.targets) if job.outdated]:
        if again := {job.outputs[0] for job in jobs} & {job.outputs[0] for job in kept}:
            raise UserError(f"snakemake does not take {min(again)} for up to date")
        record(jobs, args.because)
        _touch(args, [path for job in jobs for path in job.outputs])
        kept += jobs
    for rule in dict.fromkeys(job.rule for job in kept):
        print(f"{rule}: {sum(job.rule == rule for job in kept)} kept")
    due = _planned(args, args.targets)
    print(f"{len(due)} jobs are due for other reasons: seqfuse why" if due else "Nothing is due.")


def record(jobs: Sequence[dry_run.Job], because: str) -> None:
    """Add jobs to what was accepted in their run."""
    run = Path(*Path(jobs[0].outputs[0]).parts[:2])
    path = run / "report" / "accepted.json"
    entries = read_json(path)["accepted"] if path.exists() else []
    entry = {
        "day": datetime.date.today().isoformat(),
        "commit": commit(),
        "because": because,
        "jobs": [{"rule": job.rule, "wildcards": job.wildcards} for job in jobs],
    }
    write_json(path, {"accepted": [*entries, entry]})


def _planned(args: argparse.Namespace, targets: Sequence[str]) -> list[dry_run.Job]:
    return dry_run.plan(dry_run.words(args, targets))


def _touch(args: argparse.Namespace, outputs: Sequence[str]) -> None:
    """Have Snakemake take these files for made by the code of now."""
    call = dry_run.words(args, outputs)
    command = [sys.executable, "-m", "snakemake", "--touch", "--cores", "1", *call]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"snakemake --touch failed: {(done.stderr or done.stdout)[-1000:]}")
