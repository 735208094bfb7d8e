"""Fit linear probes to every place that DNA passes, to see where its information is lost.

Reads the folder that `seqfuse language finetune` wrote, the cleaned records of the suite's datasets
and their clusters. For the test records of `seqfuse language probe`, logistic regressions
(scikit-learn) predict label, gene, reference base, alternate base, and the quarter of the sequence
that holds the variant. They do so from the encoder's states, from the input embeddings in the DNA's
slots (after an adapter or Q-former, or a vocabulary's own rows), and from each layer's state of the
prompt's last token, which predicts the answer's first token. Every row is predicted by a fit
without its cluster. Controls, on the same rows and folds:

  shuffled        the targets of other rows
  question_only   the same method without any DNA
  random_weights  the entries of every weight shuffled, in the method and its encoder

The second table gives the gap between DNA and text in each layer: the distance of their centroids
relative to the spread around them, and the accuracy of a linear separator. An interrupted run
resumes from a hidden file beside --out to the same bytes.

    seqfuse language linear-probe --model results/demo/language/variants/linear/model \\
        --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet \\
        --clusters results/demo/sequences/demo-variants/clusters.parquet \\
        --encoder results/demo/data/models/demo-nt --rows 100 \\
        --out results/demo/language/variants/linear/linear_probes.parquet \\
        --gaps results/demo/language/variants/linear/gaps.parquet
"""

import argparse
from pathlib import Path

from seqfuse.language.answers import trained_suite
from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="language/linear_probe"):
    """The number of folds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    trained_suite.add_arguments(parser, "datasets to probe", encoder=True)
    parser.add_argument(
        "--clusters", required=True, nargs="+", type=Path, help="their clusters.parquet, in order"
    )
    parser.add_argument("--out", required=True, type=Path, help="linear_probes.parquet to write")
    parser.add_argument("--gaps", required=True, type=Path, help="gaps.parquet to write")
    cli_flags.add(parser, "language/prompt")
    cli_flags.add(parser, "language/prediction", "precision")
    cli_flags.add(parser, "language/probe", "rows")
    cli_flags.add(parser, "language/linear_probe")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse import tables
    from seqfuse.language import prompts
    from seqfuse.language.answers.resume_journal import Journal
    from seqfuse.language.linear_probes import probing_job

    torch.set_num_threads(args.threads)
    with Journal(args.out) as journal:
        rows, gaps = probing_job.probe(
            args.model,
            args.datasets,
            args.records,
            args.clusters,
            args.encoder or [],
            args.rows,
            cli_flags.take(args, Settings).folds,
            cli_flags.take(args, prompts.Settings),
            args.precision,
            journal,
        )
        for path, schema, own in (
            (args.out, tables.LINEAR_PROBES, rows),
            (args.gaps, tables.GAPS, gaps),
        ):
            tables.write(path, tables.from_rows(own, schema), schema)
