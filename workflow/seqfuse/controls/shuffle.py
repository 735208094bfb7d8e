"""Shuffle the codons or the proteins of a set, to see what an arm loses without them.

Reads codon frames, writes frames of the same records. `codons` permutes the codons of each sequence
behind its start codon: the composition stays, the order is lost. `synonymous` draws each codon from
those of its residue, by their frequency in the whole set: the protein stays, the codon usage is
lost. Equal sequences are shuffled equally. `other_protein` gives each record the protein of
another, cut or repeated to its own length; a record's variant gets the protein of the other
record's variant.

    seqfuse controls shuffle --frames results/demo/sequences/demo-expression/frames.parquet \\
        --how synonymous --out results/demo/sequences/demo-expression@synonymous/frames.parquet
"""

import argparse
from pathlib import Path

WAYS = ("codons", "synonymous", "other_protein")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", required=True, type=Path, help="codon frames")
    parser.add_argument("--how", required=True, choices=WAYS, help="what to shuffle")
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
