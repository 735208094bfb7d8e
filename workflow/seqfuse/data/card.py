"""Write card.json: a dataset's title, licence and citation, and what was read of its source.

Reads the card that `seqfuse data records` wrote of the source, and the dataset's entry. It is a
step of its own so that a new title, licence or citation does not make the records again.

    seqfuse data card --name demo-motifs --source source.json --out card.json \\
        --entry '{"source": "synthetic", "generator": "motifs", "study": "language"}'
"""

import argparse

from seqfuse.data import entry_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    entry_flags.add_arguments(parser, "dataset")
    parser.add_argument("--source", required=True, help="card of `seqfuse data records`")
    parser.add_argument("--out", required=True, help="card.json to write")


def run(args: argparse.Namespace) -> None:
    from seqfuse.files import read_json, write_json
    from seqfuse.settings import datasets

    description = datasets.described(args.name, entry_flags.entry(args))
    write_json(args.out, read_json(args.source) | description)
