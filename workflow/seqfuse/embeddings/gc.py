"""Remove the keys of a store that no receipt refers to.

Reads the receipts of all runs whose embeddings are to be kept. A key without a receipt was left
behind by a change of settings, weights or code. Lists such keys, and with `--delete` removes them.
A key that is being written, or whose job was killed within the last seven days, is kept.

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
