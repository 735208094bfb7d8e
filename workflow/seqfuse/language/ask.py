"""Answer a question about DNA with a fine-tuned model, on a terminal.

Reads the folder that `seqfuse language finetune` wrote, or one seed's folder in it (of several, the
lowest seed answers), and FASTA files; a record of --variant belongs to the record of --dna of the
same name. Shows the text while it is generated, then the closed labels by probability: their share
of the summed likelihood of all labels, conditioned on the model's own reasoning. With --json, one
object a record and line. Methods that read encoder states run the encoder.

    seqfuse ask --model results/demo/language/variants/onevocab/model \\
        --dna reference.fa --variant variant.fa \\
        --question "Unnamed gene. What disease does this variant contribute to?"
"""

import argparse
from pathlib import Path

from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="finetune's --out")
    parser.add_argument("--dna", required=True, type=Path, metavar="FILE", help="FASTA, .fa or .gz")
    parser.add_argument("--variant", type=Path, metavar="FILE", help="FASTA of the variants")
    parser.add_argument("--question", required=True, help="the same for every record")
    parser.add_argument(
        "--dataset", metavar="NAME", help="whose labels to list, where the model knows several"
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="DIR",
        help="folder of the encoder (default: where it lay when the model was trained)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a record")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    cli_flags.add(parser, "language/prompt")
    cli_flags.add(parser, "language/prediction", "precision")


def run(args: argparse.Namespace) -> None:
    from seqfuse.language import prompts
    from seqfuse.language.answers import interactive

    settings = cli_flags.take(args, prompts.Settings)
    # What can be wrong so far is said before torch is imported, which takes seconds.
    records = interactive.read_dna(args.dna, args.variant)
    model = interactive.Model(args.model, args.dataset, settings, args.precision)
    asked = model.prompts(records, args.question)

    import torch

    torch.set_num_threads(args.threads)
    model.load(args.encoder, asked)
    if args.json:
        model.answer_as_json(asked)
    else:
        model.answer_aloud(asked)
