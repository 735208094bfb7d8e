"""Answer questions about DNA with a fine-tuned model, on a terminal or for a whole file.

Reads the folder that `seqfuse language finetune` wrote (the lowest seed answers) or the folder of
one seed in it, and DNA: FASTA, a table (CSV, TSV, JSONL, Parquet) with columns id, sequence and
optionally variant and question, or the coding sequences of GenBank, EMBL, or GFF3 with its
--genome. A record of --variant belongs to the record of --dna with the same name. --question is
asked about all records; without it, each record has its own. A record that cannot be used is
reported with its line and the reason, also in its place of the output, and the exit status is 1.

Shows the text while it is generated, then the closed labels by probability: their share of the
summed likelihood of all labels, conditioned on the model's own reasoning. Then follows the
likeliest label with the DNA blanked (every nucleotide an A): if it is the same, the question alone
may have decided. A note says if the DNA is shorter or longer than any in training. --json prints
one JSON object per record; --out writes a table (.csv, .tsv) or the objects (.jsonl), and an
interrupted call resumes where it was. Methods that read encoder states run the encoder.

    seqfuse ask --model results/demo/language/variants/onevocab/model \\
        --dna reference.fa --variant variant.fa \\
        --question "Unnamed gene. What disease does this variant contribute to?"

--vcf asks about each alternative allele, with a window of the --genome around it as in KEGG's pairs
(--window 4000: 2,000 nt, the allele, 2,000 nt). The id of a record is then CHROM:POS:REF>ALT, and
its answer has chrom, pos, ref and alt. A file is read twice, once to check its records and once to
answer, and is never held in memory as a whole.

    seqfuse ask --model MODEL --vcf my.vcf.gz --genome ref.fa --question "..." --out answers.csv
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from seqfuse.bio.reading import input_flags
from seqfuse.errors import UserError
from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="finetune's --out")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dna", type=Path, metavar="FILE", help="FASTA, table or annotation")
    source.add_argument("--vcf", type=Path, metavar="FILE", help="variants, with their --genome")
    parser.add_argument("--variant", type=Path, metavar="FILE", help="FASTA of the variants")
    parser.add_argument(
        "--genome", type=Path, metavar="FILE", help="FASTA of the genome of a VCF or GFF3 file"
    )
    parser.add_argument(
        "--window", type=int, metavar="N", help="nt of the genome around an allele (default: 4000)"
    )
    parser.add_argument("--strand", metavar="S", help="+, - or an INFO field (default: +)")
    parser.add_argument("--question", help="asked about every record (default: column question)")
    input_flags.add(parser, input_flags.ASKED)
    parser.add_argument(
        "--dataset", metavar="NAME", help="whose labels to use, if the model has several datasets"
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="DIR",
        help="folder of the encoder, or of the arm that reads by codon (default: its location when"
        " the model was trained)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per record")
    parser.add_argument("--out", type=Path, metavar="FILE", help=".csv, .tsv or .jsonl to write")
    parser.add_argument(
        "--batch",
        type=int,
        default=256,
        metavar="N",
        help="records that --json and --out answer and save at a time (default: 256)",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    cli_flags.add(parser, "language/prompt")
    cli_flags.add(parser, "language/prediction", "precision")


def run(args: argparse.Namespace) -> int:
    from seqfuse.bio.reading import new_sequences
    from seqfuse.language import prompts
    from seqfuse.language.answers import interactive, questions, replies

    settings = cli_flags.take(args, prompts.Settings)
    if args.batch < 1 or (args.out and args.out.suffix not in (*replies.DELIMITERS, ".jsonl")):
        raise UserError("--out: name a .csv, .tsv or .jsonl; --batch: at least 1")
    # Check everything that can be checked before importing torch, which takes seconds.
    rows = _rows(args)
    model = interactive.Model(args.model, args.dataset, settings, args.precision)
    asked = questions.Questions(
        args.vcf or args.dna, rows, lambda row: model.prompt(row, args.question)
    )
    checked = asked.check(args.bad_rows)

    import torch

    torch.set_num_threads(args.threads)
    model.load(args.encoder)
    answers = replies.Replies(model, asked, args.batch)
    if args.out:
        position = [*questions.POSITION.values()] if args.vcf else []
        replies.write(args.out, answers, checked, position, args.bad_rows)
    elif args.json:
        for reply in answers:
            print(replies.as_json(reply), flush=True)
        new_sequences.tell(answers.bad, answers.answered, args.bad_rows)
    else:
        answers.aloud(several=checked.sound > 1)
        new_sequences.tell(answers.bad, answers.answered, args.bad_rows)
    return int(answers.answered < checked.sound + checked.faulty)


def _rows(args: argparse.Namespace) -> Iterable:
    """The rows to ask about: records, or the alleles of a VCF."""
    from seqfuse.bio.reading import vcf
    from seqfuse.language.answers import questions

    of_vcf = {"--window": args.window, "--strand": args.strand}
    of_dna = {"--variant": args.variant, "--columns": args.columns or None}
    for flag, value in (of_dna if args.vcf else of_vcf).items():
        if value is not None:
            raise UserError(
                f"{flag} does not go with {'--vcf' if args.vcf else '--dna'}; remove it"
            )
    if args.vcf is None:
        return questions.read_dna(args.dna, args.variant, input_flags.columns(args), args.genome)
    window = vcf.WINDOW if args.window is None else args.window
    if window < 2:
        raise UserError("--window: at least 2")
    return questions.read_vcf(args.vcf, args.genome, window, args.strand or "+")
