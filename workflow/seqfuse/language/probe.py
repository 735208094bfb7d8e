"""Ask a fine-tuned method again with the DNA altered: did it read the sequence?

Reads the folder that `seqfuse language finetune` wrote and the cleaned records of the suite's
datasets. Writes one table of predictions about a sample of the test records, those that the
sequence decides before others: unaltered (`probe` "none") and under each probe. A method that
thinks reasons anew about what it is shown. Methods that read encoder states run the encoder.

  swap                reference and variant in each other's place
  revert              the reference in both places
  scramble            the nucleotides of each sequence in random order: its composition stays
  blank               every nucleotide is A: its length stays
  reverse_complement  the other strand
  shift               every k-mer is cut one nucleotide later
  other               the DNA of another of the sampled records

Records of one sequence have no swap and no revert. An interrupted run resumes from a hidden file
beside --out to the same bytes.

    seqfuse language probe --model results/demo/language/variants/linear/model \\
        --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet \\
        --encoder results/demo/data/models/demo-nt --probes swap scramble --rows 100 \\
        --out results/demo/language/variants/linear/probes.parquet
"""

import argparse
from pathlib import Path

from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="language/probe"):
    """Which probes, on how many records; the workflow alone reads `exclude_suites`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="finetune's --out")
    parser.add_argument(
        "--datasets", required=True, nargs="+", metavar="NAME", help="datasets to probe"
    )
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument(
        "--encoder",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folder of the encoder, or of that of each seed, in order (default: where it lay when"
        " the model was trained)",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", required=True, type=Path, help="predictions to write, Parquet")
    cli_flags.add(parser, "language/prompt")
    cli_flags.add(parser, "language/prediction", "precision")
    cli_flags.add(parser, "language/probe")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse import tables
    from seqfuse.language import prompts
    from seqfuse.language.answers.resume_journal import Journal
    from seqfuse.language.probing import probe_job

    torch.set_num_threads(args.threads)
    settings = cli_flags.take(args, Settings)
    with Journal(args.out) as journal:
        rows = probe_job.probe(
            args.model,
            args.datasets,
            args.records,
            args.encoder or [],
            settings.probes,
            settings.rows,
            cli_flags.take(args, prompts.Settings),
            args.precision,
            journal,
        )
        tables.write(args.out, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
