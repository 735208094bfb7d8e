"""List what a store of embeddings holds, one line per key.

Reads the keys of a store, and the footer and the counts of each shard. `--key` prints the full
description of one key instead.

    seqfuse embeddings inspect --store results/embeddings
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="folder of the store")
    parser.add_argument("--key", help="key, or the start of one, to describe in full")


def run(args: argparse.Namespace) -> None:
    from seqfuse.embeddings import maintenance

    if args.key is not None:
        print(maintenance.described(args.store, args.key))
        return
    for line in maintenance.summaries(args.store):
        print(line)
