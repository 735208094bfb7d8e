"""Ask a fine-tuned method again with the DNA altered: did it read the sequence?

Reads the folder that `seqfuse language finetune` wrote and the cleaned records of the suite's
datasets. Writes one table of predictions for a sample of the test records (first those whose label
only the sequence decides): unaltered (`probe` "none") and under each probe. A method that thinks
reasons about the altered DNA anew. Methods that read encoder states run the encoder.

  swap                reference and variant exchanged
  revert              the variant replaced by the reference
  scramble            the nucleotides of each sequence shuffled: its composition stays
  blank               every nucleotide replaced by A: its length stays
  reverse_complement  the other strand
  shift               the sequence rotated by one nucleotide, which shifts the k-mers' phase
  other               the DNA of another record of the sample

Records of a single sequence have no swap and no revert.

--conflicts writes a second table: the question of one record with the DNA of another record of its
split (`dna_of`) that has another label, so that question and DNA contradict each other. Each DNA is
used in one pair, and the lengths within pairs differ as little as possible. If the set has enough
of them, half of the questions decide their label and are paired with DNA that decides its own.

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
    """The probes and the number of records; only the workflow reads `exclude_suites`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    trained_suite.add_arguments(parser, "datasets to probe", encoder=True)
    parser.add_argument("--out", required=True, type=Path, help="predictions to write, Parquet")
    parser.add_argument(
        "--conflicts", type=Path, help="conflicts to write, Parquet (default: none are asked)"
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
