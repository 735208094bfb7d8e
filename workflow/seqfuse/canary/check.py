"""Try on a node what training needs there: GPUs, ranks, folders, locks and disk.

    seqfuse canary --gpus 1 --memory-gb 40 --findings canary.json

Start it the way training is started, in as many processes. It prints a table, writes the same as
JSON, and ends with status 1 and one line for each check that failed. Without `--submitted`, which
snakemake passes on, nothing is known about the submitting host, and folders are not checked.
"""

import argparse
import os
import socket
import sys
from pathlib import Path

from seqfuse.canary import findings, folders, gpus, ranks
from seqfuse.canary.findings import Finding
from seqfuse.canary.submitted import VARIABLE, Submitted
from seqfuse.progress import say
from seqfuse.training.distributed import launch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--request", default="one_gpu", help="name of this kind of job, for the table"
    )
    parser.add_argument("--gpus", type=int, default=1, help="GPUs requested on each node")
    parser.add_argument(
        "--memory-gb", type=float, help="free memory that each must have (10^9 bytes)"
    )
    parser.add_argument(
        "--submitted", metavar="JSON", help=f"what the submitting host sees: ${VARIABLE}"
    )
    parser.add_argument("--processes", type=int, default=1, help="processes that were started")
    parser.add_argument("--findings", type=Path, required=True, help="JSON file of all findings")


def run(args: argparse.Namespace) -> None:
    launch.check(args.processes)
    submitted = Submitted.loads(args.submitted) if args.submitted else None
    node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    rows = _alone(node, args, submitted)
    start = submitted.start if submitted else ""
    if args.processes > 1:
        rows = ranks.together(node, rows, lambda rows: os._exit(_tell(args, start, rows)))
    status = _tell(args, start, rows)
    if status:
        sys.exit(status)


def _alone(node: str, args: argparse.Namespace, submitted: Submitted | None) -> list[Finding]:
    """The findings of this rank alone; the first rank of a node also checks the folders."""
    rows: list[Finding] = []
    if submitted and ranks.local_rank() == 0:
        rows += folders.check(node, submitted)
    elif not submitted:
        rows.append(Finding(node, "folders", "not checked without --submitted", passed=None))
    rank = ranks.local_rank() if args.processes > 1 else None
    slurm = submitted is not None  # only jobs of Slurm are submitted
    rows += gpus.check(node, args.gpus, args.memory_gb, slurm, rank)
    return rows


def _tell(args: argparse.Namespace, start: str, rows: list[Finding]) -> int:
    """Print the failed findings and, in rank 0, print and write all of them; the exit status."""
    failed = findings.failed(rows)
    if ranks.rank() == 0:
        say("\n".join(findings.table(rows)))
        findings.write(args.findings, args.request, start, rows)
    for finding in failed:
        say(f"{args.command}: error: {finding.line}")
    return int(bool(failed) and ranks.rank() == 0)
