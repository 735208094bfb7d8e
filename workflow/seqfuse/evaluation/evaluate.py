"""Score methods and controls on the same rows, with intervals and paired comparisons.

Reads a suite's cleaned records, the predictions of its methods and controls, and the methods'
costs. Writes metrics.parquet and comparisons.parquet into one folder.

Rows are scored all together and apart: where the question decides the label and where only the
sequence does, and where a training record holds the very same DNA and where none does. Every metric
is the mean over seeds, with a percentile interval from a bootstrap in two levels: clusters of rows
(the records' `group`, such as a gene; rows where there is none), then seeds.
Methods are compared on the test split by the dataset's primary metric, each with each other method
and with each control; p-values are Holm's over all comparisons of the suite on the same subset. A
difference whose adjusted p is not below 1 - confidence is "inside the noise". With more than one
dataset, the mean over datasets is compared too, as a family of its own. One more row a method,
against "every_control", says in words whether it beats all of its controls, and which it does not.

    seqfuse evaluation --study language --suite variants --datasets demo-variants
        --records results/demo/sequences/demo-variants/records.parquet
        --predictions results/demo/controls/language/variants/predictions.parquet
        results/demo/language/variants/onevocab/predictions.parquet
        --costs results/demo/language/variants/onevocab/model/cost.json
        --out results/demo/evaluation/language/variants
"""

import os
from dataclasses import dataclass
from pathlib import Path

from seqfuse import options


@dataclass(frozen=True)
class Settings:
    """The section `evaluation` of the configuration."""

    resamples: int
    confidence: float


def add_arguments(parser):
    """Add the flags of `seqfuse evaluation`."""
    parser.add_argument("--study", required=True, choices=["language", "codons"])
    parser.add_argument("--suite", required=True, help="name of the suite")
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument(
        "--predictions", required=True, nargs="+", type=Path, help="of methods and controls"
    )
    parser.add_argument(
        "--costs", default=[], nargs="*", type=Path, help="cost.json of each method"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    options.add(parser, "evaluation")


def run(args):
    """Read and hold together, score, compare, write."""
    # One thread: the order in which a BLAS sums would change the last bits with their number.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    from seqfuse import tables
    from seqfuse.evaluation import suite

    settings = options.take(args, "evaluation", Settings)
    golds = suite.read_golds(args.study, args.datasets, args.records)
    methods = suite.read_costs(args.study, args.suite, args.costs)
    answers = suite.read_predictions(args.predictions, golds, methods)
    scored = suite.score(golds, answers, settings.resamples, (args.study, args.suite))
    names = {"study": args.study, "suite": args.suite}
    metric_rows = suite.metric_rows(scored, methods, settings.confidence)
    comparison_rows = suite.comparison_rows(scored, golds, methods, settings.confidence)
    for name, schema, rows in (
        ("metrics", tables.METRICS, metric_rows),
        ("comparisons", tables.COMPARISONS, comparison_rows),
    ):
        table = tables.from_rows([names | row for row in rows], schema)
        tables.write(args.out / f"{name}.parquet", table, schema)
