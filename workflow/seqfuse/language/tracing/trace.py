"""Measure the memory and FLOP of methods and encoders from their shapes, without weights.

Reads a JSON list of requests (FILE, or `-` for standard input), as `seqfuse rehearse` makes them,
and writes the answers, {asked, found}, to --out, one after the other. A request is a job (finetune,
predict, embed, contrast), a method where there is one, and layout and sizes of its models. Found
are, for a step or a batch: `resident` (parameters, trained ones, bytes, bytes of keys and values a
token), and coefficients of the `peak` beyond it (bytes) and of `flops` by what is in the batch. A
minute for a large backbone; no memory to speak of.

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

    asked = json.load(sys.stdin) if args.requests == "-" else read_json(args.requests)
    found = read_json(args.out) if args.out.is_file() else []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for request in track(asked, label="shapes"):
        found.append({"asked": request, "found": traced_step.traced(request)})
        write_json(args.out, found)
