"""Score methods and controls on the same rows, with intervals and paired comparisons.

Reads a suite's cleaned records and their clusters, the predictions of its methods and controls, the
methods' costs, and their probes: answers to altered inputs. Writes metrics.parquet,
comparisons.parquet, calibration.parquet and README.md, the scores on test beside every control,
into one folder.

Rows are scored all together and apart: where the question decides the label and where only the
sequence does, and by how well train knows them (exactly, nearly, homologously, not at all). Every
metric is the mean over seeds. Its error has two sources: rows, of which clusters that are no
independent samples (of one gene, one sequence, near-duplicates) are left out one at a time, and
seeds (statistics/inference.py). Of fewer than six clusters no interval can be had.
Methods are compared on the test split by the dataset's primary metric, each with each other method
and with each control. A family of tests is what one method is held against on one set of rows; p
values are Holm's over that family, intervals are at its level, and the verdict says whether the
difference is significant. Beside it stand the smallest difference that would have been found four
times in five, and whether two one-sided tests show both to be equivalent within the margin. With
more than one dataset, the mean over datasets is compared too. One more row a method, against
"every_control", says in words whether it beats all of its controls, and which it does not.
A set that was split with several seeds (`--resplit`) is scored on each split, and the mean over
them stands by the suite's name. Its error of rows is the mean of theirs, because splits share rows;
the spread between split seeds is added.
Macro metrics average over the classes that the gold labels of the rows hold, whatever was
predicted; a class whose only rows are left out is left out of that mean, not scored 0.

Probes (kind "probe") are scored on the rows that they alter, beside the "unaltered" answers of the
same checkpoint and of everything else on these rows; each is compared with the former, pair by
pair, as a family of its own.

Conflicts (probe and kind "conflict") are questions with the DNA of another record of another label:
the share of answers that follow the text, the DNA, and neither. What reads only one of the two is
scored by what it said of the question, or of the DNA's own record.

Folds (split "folds") are predictions of rows that only the sequence decides, from every split, each
by what was fitted without them; there a seed is a repeat of the deal into folds.

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
    """Coverage, and what is called equivalent."""


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
        help="which of these are one sample (clusters.parquet), in order",
    )
    parser.add_argument(
        "--predictions", required=True, nargs="+", type=Path, help="of methods and controls"
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
        help="predictions on questions with the DNA of another record",
    )
    parser.add_argument(
        "--folds", default=[], nargs="*", type=Path, help="predictions of `seqfuse controls folds`"
    )
    parser.add_argument(
        "--aliases",
        default={},
        type=json.loads,
        metavar="JSON",
        help="other names of labels: {dataset: {alias: label}}",
    )
    parser.add_argument(
        "--resplit",
        action="store_true",
        help="the datasets are one set, by the suite's name, split with several seeds",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    cli_flags.add(parser, "evaluation")
    cli_flags.add(parser, "language/prediction", "validation_rows")


def run(args):
    """Read and hold together, score, compare, write."""
    # One thread: the order in which a BLAS sums would change the last bits with their number.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    from seqfuse import tables
    from seqfuse.evaluation import conflicts, scores_card, suite
    from seqfuse.files import atomic
    from seqfuse.statistics import comparisons

    settings = cli_flags.take(args, Settings)
    files = args.datasets, args.records, args.clusters
    golds = suite.read_golds(args.study, *files, args.aliases, args.validation_rows)
    trained_on = args.datasets if args.resplit else [args.suite]
    methods = suite.read_costs(args.study, trained_on, args.costs)
    answers = suite.read_predictions(args.predictions, golds, methods)
    probes = suite.read_probes(args.probes, golds, methods)
    contrary = conflicts.read_conflicts(args.conflicts, golds, methods)
    names = {"study": args.study, "suite": args.suite}
    known = tuple(names.values())
    scored = suite.score(golds, answers, known, args.suite if args.resplit else None)
    scored |= suite.score_probes(golds, probes, answers, known)
    files = zip(args.records, args.clusters, strict=True)
    records = dict(zip(args.datasets, files, strict=True))
    scored |= suite.score_folds(args.study, records, args.folds, known)
    rule = comparisons.Rule(1 - settings.confidence, settings.margin)
    compared = suite.comparison_rows(scored, golds, methods, rule)
    followed = conflicts.score_conflicts(golds, contrary, answers, known)
    measured = suite.metric_rows(scored | followed, methods, settings.confidence)
    for name, schema, rows in (
        ("metrics", tables.METRICS, measured),
        ("comparisons", tables.COMPARISONS, compared),
        ("calibration", tables.CALIBRATION, suite.calibration_rows(golds, answers, methods)),
    ):
        table = tables.from_rows([names | row for row in rows], schema)
        tables.write(args.out / f"{name}.parquet", table, schema)
    card = scores_card.text(args.suite, measured, compared, settings.confidence)
    with atomic(args.out / "README.md") as file:
        file.write_text(card, encoding="utf-8")
