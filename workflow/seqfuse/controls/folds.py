"""Cross-validate the controls on the rows whose label only the sequence decides.

A test split may hold too few such rows (19 on KEGG). So those of all splits are dealt into folds,
which keep rows with the same reference and variant together. Every control predicts each fold from
the others, and all of this is repeated with new folds. Reads a suite's cleaned records. Writes
predictions in which each repeat is a seed, and those of each question's commonest label, which is
counted over all of these rows. Writes nothing for a set in which all rows are of this kind, such as
a set with one question.

    seqfuse controls folds --datasets kegg \\
        --records results/pilot/sequences/kegg/records.parquet \\
        --out results/pilot/controls/language/kegg/folds.parquet
"""

import os
from pathlib import Path

from seqfuse.controls.labels import suite_flags


def add_arguments(parser):
    """Add the flags of `seqfuse controls folds`."""
    suite_flags.add_arguments(parser)
    parser.add_argument("--folds", type=int, default=5, help="folds per repeat (default: 5)")
    parser.add_argument("--repeats", type=int, default=10, help="repeats (default: 10)")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    parser.add_argument("--out", required=True, type=Path, help="predictions to write")


def run(args):
    """Predict the rows of every dataset that has any."""
    os.environ.update(OMP_NUM_THREADS=str(args.threads), OPENBLAS_NUM_THREADS=str(args.threads))
    from seqfuse import tables
    from seqfuse.controls.labels import grouped_folds, label_controls
    from seqfuse.errors import UserError
    from seqfuse.progress import say

    if args.folds < 3:
        raise UserError(
            f"--folds {args.folds}: give 3 or more, as one fold is held out and one validates"
        )
    rows = []
    for dataset, path in suite_flags.datasets(args):
        columns = grouped_folds.read(path)
        count = len(columns["id"])
        say(f"{dataset}: {count} rows that only the sequence decides")
        if count:
            rows += grouped_folds.question_majority(dataset, columns)
            for method, records, log_p, repeat in grouped_folds.controls(
                path, columns, args.folds, args.repeats
            ):
                rows += label_controls.predictions(dataset, method, records, log_p, repeat)
    tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
