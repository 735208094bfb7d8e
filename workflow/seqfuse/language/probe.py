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

Records of one sequence have no swap and no revert.

With --conflicts a second table is written: about the question of one record with the DNA of another
one of its split, whose label is another (`dna_of` names it), so that question and DNA contradict
each other. Each DNA stands in one pair, and the lengths of a pair differ as little as can be; half
of the questions, where a set has such, decide their label, and get DNA that decides its own.

An interrupted run resumes from a hidden file beside --out to the same bytes.

    seqfuse language probe --model results/demo/language/variants/linear/model \\
        --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet \\
        --encoder results/demo/data/models/demo-nt --probes swap scramble --rows 100 \\
        --out results/demo/language/variants/linear/probes.parquet \\
        --conflicts results/demo/language/variants/linear/conflicts.parquet
"""

import argparse
from pathlib import Path

from seqfuse.language.answers import trained_suite
from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="language/probe"):
    """Which probes, on how many records; the workflow alone reads `exclude_suites`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    trained_suite.add_arguments(parser, "datasets to probe", encoder=True)
    parser.add_argument("--out", required=True, type=Path, help="predictions to write, Parquet")
    parser.add_argument(
        "--conflicts", type=Path, help="those of conflicts, Parquet (default: none are asked)"
    )
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
            settings.conflict_rows if args.conflicts else 0,
            cli_flags.take(args, prompts.Settings),
            args.precision,
            journal,
        )
        for path, schema, of_conflicts in (
            (args.out, tables.PREDICTIONS, False),
            (args.conflicts, tables.CONFLICTS, True),
        ):
            own = [row for row in rows if (row["dna_of"] is not None) == of_conflicts]
            if path:
                tables.write(path, tables.from_rows(own, schema), schema)
