"""Answer a suite's validation and test questions with every seed of a fine-tuned method.

Reads the folder that `seqfuse language finetune` wrote, the cleaned records of the suite's
datasets, and receipts of their embeddings if the method reads encoder states. Writes one table of
predictions: the generated text, its label, and the log-likelihood of each closed label, including
the end token, summed and per token. An interrupted run resumes from a hidden file beside --out to
the same bytes.

With --part, a method that generates text answers only one part of the batches; a call with --parts
joins the --out files of all parts into the table that a single call writes.

    seqfuse language predict --model results/demo/language/variants/onevocab/model \\
        --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet \\
        --out results/demo/language/variants/onevocab/predictions.parquet
"""

import argparse
from pathlib import Path

from seqfuse.language.answers import trained_suite
from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    trained_suite.add_arguments(parser, "datasets to predict")
    parser.add_argument(
        "--embeddings",
        nargs="+",
        type=Path,
        metavar="RECEIPT",
        help="receipts of the datasets' embeddings, in order, for methods that read them",
    )
    parser.add_argument(
        "--part", metavar="3of8", help="answer only one part of the batches, here the third of 8"
    )
    parser.add_argument(
        "--parts", nargs="+", type=Path, metavar="FILE", help="the --out files of calls with --part"
    )
    parser.add_argument("--out", required=True, type=Path, help="predictions.parquet to write")
    parser.add_argument(
        "--inputs",
        type=Path,
        help="inputs.parquet to write: DNA and text as vectors before the decoder",
    )
    cli_flags.add(parser, "language/prompt")
    cli_flags.add(parser, "language/prediction")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse import tables
    from seqfuse.language import prompts
    from seqfuse.language.answers import input_vectors, prediction
    from seqfuse.language.answers.resume_journal import Journal
    from seqfuse.training.distributed.parts import Part

    torch.set_num_threads(args.threads)
    settings = cli_flags.take(args, prompts.Settings)
    asking = cli_flags.take(args, prediction.Prediction)
    made_from = args.model, args.datasets, args.records, args.embeddings or []
    part = Part.parse(args.part) if args.part else None
    with Journal(args.out, part, args.parts or ()) as journal:
        rows = prediction.predict(*made_from, settings, asking, journal)
        if part:
            return
        if args.inputs:
            vectors = input_vectors.rows(*made_from, args.inputs)
            tables.write(args.inputs, tables.from_rows(vectors, tables.VECTORS), tables.VECTORS)
        tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
