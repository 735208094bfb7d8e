"""Measure where OneVocab attends around a variant, and where a mutation changes its answer.

Reads the folder that `seqfuse language finetune` wrote for OneVocab and the cleaned records of
datasets with variants. Writes one row for each test record, seed and nucleotide of a window around
the variant: the attention of the answer's tokens to the token of that nucleotide, and how much less
likely the model's own answer becomes when that nucleotide of the variant sequence is mutated.

    seqfuse language attention --model results/demo/language/variants/onevocab/model \\
        --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet --rows 8 --window 12 \\
        --out results/demo/language/variants/onevocab/attention.parquet
"""

import argparse
from pathlib import Path

from seqfuse.language.answers import trained_suite
from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="language/attention"):
    """The number of records, and the window around the variant."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    trained_suite.add_arguments(parser, "datasets with variants")
    parser.add_argument("--out", required=True, type=Path, help="attention.parquet to write")
    cli_flags.add(parser, "language/prompt")
    cli_flags.add(parser, "language/prediction", "precision")
    cli_flags.add(parser, "language/attention")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse import tables
    from seqfuse.language import prompts
    from seqfuse.language.probing import variant_attention

    torch.set_num_threads(args.threads)
    settings = cli_flags.take(args, Settings)
    rows = variant_attention.attend(
        args.model,
        args.datasets,
        args.records,
        settings.rows,
        settings.window,
        cli_flags.take(args, prompts.Settings),
        args.precision,
    )
    tables.write(args.out, tables.from_rows(rows, tables.LOOKS), tables.LOOKS)
