"""Shuffle the codons or the proteins of a set, for arms that must lose what they read there.

Reads codon frames, writes frames of the same records. `codons` puts the codons of each sequence in
a random order, its start codon left in front: the same composition, no order. `synonymous` draws
each codon anew among those of its residue, by their frequency in the whole set: the same protein,
no codon usage. A sequence that occurs twice is shuffled alike. `other_protein` gives each record
the protein of another one, cut or repeated to its own length, and its variant that of the other's.

    seqfuse controls shuffle --frames results/demo/sequences/demo-expression/frames.parquet \\
        --how synonymous --out results/demo/sequences/demo-expression@synonymous/frames.parquet
"""

import argparse
from pathlib import Path

WAYS = ("codons", "synonymous", "other_protein")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", required=True, type=Path, help="codon frames")
    parser.add_argument("--how", required=True, choices=WAYS, help="what is shuffled")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument("--out", required=True, type=Path, help="frames.parquet to write")


def run(args: argparse.Namespace) -> None:
    """Read, shuffle, write."""
    from seqfuse import tables
    from seqfuse.controls.properties import codon_shuffling

    frames = tables.read(args.frames, tables.FRAMES).to_pylist()
    if args.how == "other_protein":
        rows = codon_shuffling.other_proteins(frames, args.seed)
    else:
        rows = codon_shuffling.frames(frames, args.how, args.seed)
    tables.write(args.out, tables.from_rows(rows, tables.FRAMES), tables.FRAMES)
