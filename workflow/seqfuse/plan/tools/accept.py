"""Keep results that older code made, and record why.

After an update, every stage whose code changed would run again, which may take days, although you
may know that the change cannot affect a result. This marks those results as up to date that would
be made again only because of their code or of a package version that it imports; anything else
stays due. results/<run>/report/accepted.json records each kept job with the date, the commit and
your reason, and the report shows it.

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
    # A job that follows another one shows its own reason only once that one is up to date.
    while jobs := [job for job in _planned(args, args.targets) if job.outdated]:
        if again := {job.outputs[0] for job in jobs} & {job.outputs[0] for job in kept}:
            raise UserError(f"{min(again)}: still due after `snakemake --touch`")
        record(jobs, args.because)
        _touch(args, [path for job in jobs for path in job.outputs])
        kept += jobs
    for rule in dict.fromkeys(job.rule for job in kept):
        print(f"{rule}: {sum(job.rule == rule for job in kept)} kept")
    due = _planned(args, args.targets)
    other = f"{len(due)} jobs are due for other reasons; see `seqfuse why`"
    print(other if due else "Nothing is due.")


def record(jobs: Sequence[dry_run.Job], because: str) -> None:
    """Add jobs to the accepted ones of their run."""
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
    """Have Snakemake treat these files as made by the present code."""
    call = dry_run.words(args, outputs)
    command = [sys.executable, "-m", "snakemake", "--touch", "--cores", "1", *call]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"snakemake --touch failed: {(done.stderr or done.stdout)[-1000:]}")
