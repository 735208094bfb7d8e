"""Check every shard and every row of a store of embeddings.

Compares each shard with the checksum in its name, and checks each row: sizes, finite states, spans
that tile the sequence, and the mean. Prints one line per key, and names each damaged shard; the
exit status is then 2. With --set-aside, damaged shards are renamed, and the next `write` makes
their rows again.

    seqfuse embeddings verify --store results/embeddings
"""

import argparse

from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="folder of the store")
    parser.add_argument(
        "--set-aside", action="store_true", help="rename damaged shards to <name>.damaged"
    )


def run(args: argparse.Namespace) -> None:
    from seqfuse.embeddings import maintenance
    from seqfuse.progress import say

    faults = 0
    for folder in maintenance.keys(args.store):
        of_key = maintenance.faults(folder, args.set_aside)
        for fault in of_key:
            say(fault)
        print(f"{folder.name}  {f'{len(of_key)} faults' if of_key else 'sound'}")
        faults += len(of_key)
    if faults:
        raise UserError(
            f"{args.store}: {faults} faults; run this with --set-aside, then the"
            " `seqfuse embeddings write` of the damaged keys again"
        )
