"""Predict a suite of study A without a language model: majority, lookups and composition.

Reads a suite's cleaned records. Writes one table of predictions for val and test, in the same
schema as a model's; each control (seqfuse/registry/controls.py) is a method in it, with the
log-probability of each label. Controls are fitted only on the training records of the same dataset.
A control that needs a question, a variant or a coding set is left out for datasets without one.

    seqfuse controls language --suite variants --datasets demo-variants
        --records results/demo/sequences/demo-variants/records.parquet --threads 1
        --out results/demo/controls/language/variants/predictions.parquet
"""

import os
from pathlib import Path

from seqfuse.controls.labels import suite_flags


def add_arguments(parser):
    """Add the flags of `seqfuse controls language`."""
    parser.add_argument("--suite", required=True, help="name of the suite")
    suite_flags.add_arguments(parser)
    parser.add_argument(
        "--coding",
        nargs="+",
        default=[],
        metavar="NAME=CODE",
        help="the datasets of coding sequences, each with its genetic code (NCBI table)",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    parser.add_argument("--out", required=True, type=Path, help="predictions.parquet to write")


def run(args):
    """Predict every val and test record of every dataset with every control that applies."""
    os.environ.update(OMP_NUM_THREADS=str(args.threads), OPENBLAS_NUM_THREADS=str(args.threads))
    from seqfuse import tables
    from seqfuse.controls.labels import label_controls
    from seqfuse.progress import say

    codes = suite_flags.genetic_codes(args.coding)
    rows = []
    for dataset, path in suite_flags.datasets(args):
        records = label_controls.read(path, codes.get(dataset))
        fitted = label_controls.features(records.columns)
        for method, log_probabilities in label_controls.controls(records, fitted):
            say(f"{dataset}: {method}")
            rows += label_controls.predictions(dataset, method, records, log_probabilities)
    tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
