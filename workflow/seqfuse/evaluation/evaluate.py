"""Score methods and controls on the same rows, with intervals and paired comparisons.

Reads a suite's cleaned records and their clusters, the predictions of its methods and controls, the
methods' costs, and their probes: answers to altered inputs. Writes into one folder metrics.parquet,
comparisons.parquet, calibration.parquet and README.md, which lists the test scores of each method
and every control.

Scores are over all rows of a split and over its subsets: rows whose label the question decides,
rows whose label only the sequence decides, and rows by their nearest training record (identical,
near-duplicate, homologous, none). Every metric is the mean over seeds. Its error has two sources
(statistics/inference.py): seeds, and rows, for which one cluster at a time is left out. A cluster
holds rows that are not independent samples (one gene, one sequence, near-duplicates). With fewer
than six clusters there is no interval.

Methods are compared on the test split by the dataset's primary metric, each with every other method
and with every control. All comparisons of one method on one set of rows are a family of tests: p
values are adjusted by Holm's procedure within it, intervals are at the matching level, and the
verdict says whether the difference is significant. Each comparison also gives the smallest
difference that the test would find four times in five, and whether two one-sided tests show the two
to be equivalent within the margin. With more than one dataset, the mean over datasets is compared
too. One more row for each method, against "every_control", says whether it beats all of its
controls, and names those that it does not beat.

A set that was split with several seeds (`--resplit`) is scored on each split, and the mean over the
splits is listed under the suite's name. Because splits share rows, the row variance of that mean is
the average of the splits' variances, not that divided by their number; the variance between split
seeds is added.

Macro metrics average over the classes that occur among the gold labels, whatever was predicted. A
class whose rows are all left out does not enter that average; it is not scored 0.

Probes (kind "probe") are scored on the rows that they alter, next to the "unaltered" answers of the
same checkpoint and of all other methods and controls on these rows. Each is compared, paired by
row, with the unaltered answers of its own checkpoint; these comparisons are a family of their own.

Conflicts (probe and kind "conflict") pair a question with the DNA of a record of another label, and
count the answers that follow the text, the DNA, and neither. Methods and controls that see only the
question or only the DNA are scored by their usual answers to it.

Folds (split "folds") cover the rows of all splits whose label only the sequence decides, each
predicted by a fit that did not see it. There, a seed is one repeat of the deal into folds.

    seqfuse evaluation --study language --suite variants --datasets demo-variants
        --records results/demo/sequences/demo-variants/records.parquet
        --clusters results/demo/sequences/demo-variants/clusters.parquet
        --predictions results/demo/controls/language/variants/predictions.parquet
        results/demo/language/variants/onevocab/predictions.parquet
        --costs results/demo/language/variants/onevocab/model/cost.json
        --out results/demo/evaluation/language/variants
"""

import json
import os
from pathlib import Path

from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="evaluation"):
    """The confidence of intervals, and the margin of equivalence."""


def add_arguments(parser):
    """Add the flags of `seqfuse evaluation`."""
    parser.add_argument("--study", required=True, choices=["language", "codons"])
    parser.add_argument("--suite", required=True, help="name of the suite")
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument(
        "--clusters",
        required=True,
        nargs="+",
        type=Path,
        help="which of these are not independent samples (clusters.parquet), in order",
    )
    parser.add_argument(
        "--predictions",
        required=True,
        nargs="+",
        type=Path,
        help="predictions.parquet of each method and of the controls",
    )
    parser.add_argument(
        "--costs", default=[], nargs="*", type=Path, help="cost.json of each method"
    )
    parser.add_argument(
        "--probes", default=[], nargs="*", type=Path, help="predictions on altered inputs"
    )
    parser.add_argument(
        "--conflicts",
        default=[],
        nargs="*",
        type=Path,
        help="answers to questions with the DNA of another record",
    )
    parser.add_argument(
        "--folds", default=[], nargs="*", type=Path, help="predictions of `seqfuse controls folds`"
    )
    parser.add_argument(
        "--aliases",
        default={},
        type=json.loads,
        metavar="JSON",
        help="alternative names of labels: {dataset: {alias: label}}",
    )
    parser.add_argument(
        "--resplit",
        action="store_true",
        help="the datasets are several splits of the set that the suite is named after",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    cli_flags.add(parser, "evaluation")
    cli_flags.add(parser, "language/prediction", "validation_rows")


def run(args):
    """Read and check the inputs, score, compare, write."""
    # BLAS sums in an order that depends on the number of threads, which would change the last bits.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    from seqfuse import tables
    from seqfuse.evaluation import conflicts, scores_card, suite_inputs, suite_scores, suite_tables
    from seqfuse.files import atomic
    from seqfuse.statistics import comparisons

    settings = cli_flags.take(args, Settings)
    files = args.datasets, args.records, args.clusters
    golds = suite_inputs.read_golds(args.study, *files, args.aliases, args.validation_rows)
    trained_on = args.datasets if args.resplit else [args.suite]
    methods = suite_inputs.read_costs(args.study, trained_on, args.costs)
    answers = suite_inputs.read_predictions(args.predictions, golds, methods)
    probes = suite_inputs.read_probes(args.probes, golds, methods)
    conflicting = conflicts.read_conflicts(args.conflicts, golds, methods)
    columns = {"study": args.study, "suite": args.suite}
    names = args.study, args.suite
    scored = suite_scores.score(golds, answers, names, args.suite if args.resplit else None)
    scored |= suite_scores.score_probes(golds, probes, answers, names)
    files = zip(args.records, args.clusters, strict=True)
    records = dict(zip(args.datasets, files, strict=True))
    scored |= suite_scores.score_folds(args.study, records, args.folds, names)
    rule = comparisons.Rule(1 - settings.confidence, settings.margin)
    compared = suite_tables.comparison_rows(scored, golds, methods, rule)
    followed = conflicts.score_conflicts(golds, conflicting, answers, names)
    measured = suite_tables.metric_rows(scored | followed, methods, settings.confidence)
    for name, schema, rows in (
        ("metrics", tables.METRICS, measured),
        ("comparisons", tables.COMPARISONS, compared),
        ("calibration", tables.CALIBRATION, suite_tables.calibration_rows(golds, answers, methods)),
    ):
        table = tables.from_rows([columns | row for row in rows], schema)
        tables.write(args.out / f"{name}.parquet", table, schema)
    card = scores_card.text(args.suite, measured, compared, settings.confidence)
    with atomic(args.out / "README.md") as file:
        file.write_text(card, encoding="utf-8")
