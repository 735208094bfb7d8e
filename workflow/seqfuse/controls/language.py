"""Predict a suite of study A without a language model: majority, lookups and composition.

Reads a suite's cleaned records. Writes one table of predictions for val and test, in the schema of
a model's, with one method a control (seqfuse/registry/controls.py) and the log of each label's
probability. Each control learns from the training records of the same dataset alone. Lookups need a
question or a variant; datasets without go without.

    seqfuse controls language --suite variants --datasets demo-variants
        --records results/demo/sequences/demo-variants/records.parquet --threads 1
        --out results/demo/controls/language/variants/predictions.parquet
"""

import os
from pathlib import Path


def add_arguments(parser):
    """Add the flags of `seqfuse controls language`."""
    parser.add_argument("--suite", required=True, help="name of the suite")
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    parser.add_argument("--out", required=True, type=Path, help="predictions.parquet to write")


def run(args):
    """Predict every val and test record of every dataset with every control that applies."""
    os.environ.update(OMP_NUM_THREADS=str(args.threads), OPENBLAS_NUM_THREADS=str(args.threads))
    from seqfuse import tables
    from seqfuse.controls import label_controls
    from seqfuse.errors import UserError
    from seqfuse.progress import say

    if len(args.datasets) != len(args.records):
        raise UserError(
            f"--records: {len(args.records)} files for {len(args.datasets)} datasets; "
            "give one each, in order"
        )
    rows = []
    for dataset, path in zip(args.datasets, args.records, strict=True):
        records = label_controls.read(path)
        fitted = label_controls.features(records.columns)
        for method, log_probabilities in label_controls.controls(records, fitted):
            say(f"{dataset}: {method}")
            rows += label_controls.predictions(dataset, method, records, log_probabilities)
    tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
