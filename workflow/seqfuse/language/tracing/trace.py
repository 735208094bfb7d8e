"""Measure the memory and FLOP of methods and encoders from their shapes, without weights.

Reads a JSON list of requests (FILE, or `-` for standard input), as `seqfuse rehearse` makes them,
and adds the answers, {asked, found}, to --out one by one. A request is a job (finetune, predict,
embed, contrast), its method, if any, and the layouts and sizes of its models. An answer holds, for
a step or a batch, `resident` (parameters, trained parameters, bytes, bytes of keys and values per
token), and the coefficients, by the content of the batch, of `flops` and of the `peak` (bytes)
beyond what is resident. Takes a minute for a large backbone, and little memory.

    seqfuse rehearse --profile slurm --json
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("requests", metavar="FILE", help="JSON list of requests")
    parser.add_argument("--out", required=True, type=Path, help="JSON to add the answers to")


def run(args: argparse.Namespace) -> None:
    import json
    import sys

    from seqfuse.files import read_json, write_json
    from seqfuse.language.tracing import traced_step
    from seqfuse.progress import track

    requests = json.load(sys.stdin) if args.requests == "-" else read_json(args.requests)
    answers = read_json(args.out) if args.out.is_file() else []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for request in track(requests, label="shapes"):
        answers.append({"asked": request, "found": traced_step.traced(request)})
        write_json(args.out, answers)
