"""Predict a set of study B, training no arm: mean, lookup, composition, trees, and late fusion.

Reads cleaned records, codon frames, and the predictions of the single-modality arms. Writes one
table of predictions for val and test, in the same schema as a model's; each control
(seqfuse/registry/controls.py) is a method in it. Controls are fitted on the training records, but
the stack on the validation records. Late fusion has the seeds of the single modalities; the other
controls have one seed.

    seqfuse controls codons --dataset demo-expression \\
        --records results/demo/sequences/demo-expression/records.parquet \\
        --frames results/demo/sequences/demo-expression/frames.parquet \\
        --singles results/demo/codons/demo-expression/dna/predictions.parquet \\
        results/demo/codons/demo-expression/rna/predictions.parquet --threads 1 \\
        --out results/demo/controls/codons/demo-expression/predictions.parquet
"""

import argparse
import os
from pathlib import Path

from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, metavar="NAME", help="name of the dataset")
    parser.add_argument("--records", required=True, type=Path, help="cleaned records")
    parser.add_argument("--frames", required=True, type=Path, help="codon frames")
    parser.add_argument(
        "--singles",
        nargs="*",
        default=[],
        type=Path,
        metavar="FILE",
        help="predictions of the single modalities; two or more are also fused late",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", required=True, type=Path, help="predictions.parquet to write")
    cli_flags.add(parser, "codons/controls")


def run(args: argparse.Namespace) -> None:
    """Predict every val and test record with every control."""
    os.environ.update(OMP_NUM_THREADS=str(args.threads), OPENBLAS_NUM_THREADS=str(args.threads))
    from seqfuse import tables
    from seqfuse.controls.properties import coding, late_fusion, property_controls, trees
    from seqfuse.progress import say

    settings = cli_flags.take(args, trees.Settings)
    dataset = coding.read(args.records, args.frames)
    rows = []
    for method, outputs in property_controls.controls(dataset, settings, args.threads):
        say(f"{args.dataset}: {method}")
        rows += coding.predictions(args.dataset, method, 0, dataset, outputs)
    if len(args.singles) > 1:
        for seed, singles in late_fusion.read(args.dataset, dataset, args.singles):
            for method, fuse in (
                ("late_mean", late_fusion.mean),
                ("late_stack", late_fusion.stack),
            ):
                outputs = fuse(dataset, singles)
                if outputs is not None:
                    say(f"{args.dataset}: {method}, seed {seed}")
                    rows += coding.predictions(args.dataset, method, seed, dataset, outputs)
    tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
