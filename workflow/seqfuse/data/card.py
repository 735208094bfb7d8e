"""Say what a dataset is called and bound by, beside what was read of it: card.json.

Reads what `seqfuse data records` wrote of the source, and the dataset's entry. It is a step of its
own so that a new title, licence or citation makes no record again.

    seqfuse data card --name demo-motifs --source source.json --out card.json \\
        --entry '{"source": "synthetic", "generator": "motifs", "study": "language"}'
"""

import argparse
import json

from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="name of the dataset")
    parser.add_argument(
        "--entry", required=True, help="its catalogue entry as JSON, see resources/datasets.yaml"
    )
    parser.add_argument("--source", required=True, help="card of `seqfuse data records`")
    parser.add_argument("--out", required=True, help="card.json to write")


def run(args: argparse.Namespace) -> None:
    from seqfuse.files import read_json, write_json
    from seqfuse.settings import datasets

    try:
        entry = datasets.validate(args.name, json.loads(args.entry))
    except json.JSONDecodeError as error:
        raise UserError(f"--entry: not valid JSON ({error})") from None
    said = {key: entry.get(key) for key in ("title", "licence", "citation")}
    coding = {"coding": {"expected": entry["coding"]}}
    write_json(args.out, read_json(args.source) | said | coding)
