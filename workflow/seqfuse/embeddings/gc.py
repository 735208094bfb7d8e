"""Remove the keys of a store that no receipt refers to.

Reads the receipts of all runs that are to keep their embeddings; a receipt follows its
configuration, so a key without one is a leftover of settings, weights or code that have changed.
Lists those keys and removes them with `--delete`. A key that is being written stays, and one that a
job was killed at in the last seven days.

    seqfuse embeddings gc --store results/embeddings --receipts results/*/embeddings/*/*.json
"""

import argparse

_WRITTEN = "kept: a job writes to it, or was killed at it in the last seven days"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="folder of the store")
    parser.add_argument(
        "--receipts", required=True, nargs="+", metavar="FILE", help="receipts whose keys stay"
    )
    parser.add_argument("--delete", action="store_true", help="remove what is listed")


def run(args: argparse.Namespace) -> None:
    from seqfuse.embeddings import maintenance

    for folder in maintenance.unreferenced(args.store, args.receipts):
        size = maintenance.size(folder)
        state = "would go (--delete removes it)"
        if args.delete:
            state = "removed" if maintenance.remove(folder) else _WRITTEN
        print(f"{folder.name}  {size / 1e6:.1f} MB  {state}")
