"""Predict a set of study B without an embedding: mean, lookup, composition, and late fusion.

Reads cleaned records, codon frames, and the predictions of the arms of a single modality. Writes
one table of predictions for val and test, in the schema of a model's, with one method a control
(seqfuse/controls/catalogue.py). Each control learns from the training records alone; the late mean
has a row a seed of the single modalities, the others have one seed.

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
        help="predictions of the single modalities; from two on there is a late mean of them",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", required=True, type=Path, help="predictions.parquet to write")


def run(args: argparse.Namespace) -> None:
    """Predict every val and test record with every control."""
    os.environ.update(OMP_NUM_THREADS=str(args.threads), OPENBLAS_NUM_THREADS=str(args.threads))
    from seqfuse import tables
    from seqfuse.controls import late_mean, properties
    from seqfuse.progress import say

    coding = properties.read(args.records, args.frames)
    rows = []
    for method, outputs in properties.controls(coding):
        say(f"{args.dataset}: {method}")
        rows += properties.predictions(args.dataset, method, 0, coding, outputs)
    if len(args.singles) > 1:
        say(f"{args.dataset}: late_mean")
        for seed, outputs in late_mean.fused(args.dataset, coding, args.singles):
            rows += properties.predictions(args.dataset, "late_mean", seed, coding, outputs)
    tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
