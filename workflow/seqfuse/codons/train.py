"""Train one arm on one dataset: a modality alone, or a fusion; every seed in one process.

Reads cleaned records, codon frames and, for each modality of the arm, a receipt of the embedding
store, or the encoder's folder if the arm trains the encoder (LoRA, or end to end). Writes a folder:
seed<N>.safetensors, predictions.parquet (val and test; for a fusion also test predictions with
modalities knocked out), cost.json, log.jsonl, and weights.parquet for an arm that weighs its
modalities; and a copy of encoders with random weights, which exist nowhere else. An interrupted run
resumes from --state to the same numbers.

    seqfuse codons train --dataset demo-expression --arm mil \\
        --records results/demo/sequences/demo-expression/records.parquet \\
        --frames results/demo/sequences/demo-expression/frames.parquet \\
        --dna results/demo/embeddings/demo-expression/dna.demo-nt.json \\
        --rna results/demo/embeddings/demo-expression/rna.demo-rnafm.json \\
        --protein results/demo/embeddings/demo-expression/protein.demo-esm2.json \\
        --seeds 0 1 --state results/demo/state/codons/demo-expression/mil \\
        --out results/demo/codons/demo-expression/mil
"""

import argparse
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.registry.arms import ARMS
from seqfuse.settings import cli_flags

MODALITIES = ("dna", "rna", "protein")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, metavar="NAME", help="name of the dataset")
    parser.add_argument("--arm", required=True, choices=ARMS, metavar="NAME", help=", ".join(ARMS))
    parser.add_argument("--records", required=True, type=Path, help="cleaned records")
    parser.add_argument("--frames", required=True, type=Path, help="codon frames")
    for modality in MODALITIES:
        text = f"receipt of the {modality} embeddings"
        parser.add_argument(f"--{modality}", type=Path, metavar="RECEIPT", help=text)
        text = f"folder of the {modality} encoder, for an arm that trains it"
        parser.add_argument(f"--{modality}-model", type=Path, metavar="DIR", help=text)
    parser.add_argument("--seeds", required=True, type=int, nargs="+", metavar="N")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--state", required=True, type=Path, help="folder to resume from")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    cli_flags.add(parser, "codons/training")
    cli_flags.add(parser, "sequences", "genetic_code")


def run(args: argparse.Namespace) -> None:
    arm = ARMS[args.arm]
    tuned = arm.trains(args.tuned)
    if arm.tuning and not tuned:
        raise UserError(f"--tuned: arm {arm.name!r} trains none of {', '.join(args.tuned)}")
    receipts = {name: getattr(args, name) for name in arm.modalities if name not in tuned}
    for name, receipt in receipts.items():
        if receipt is None:
            raise UserError(f"arm {arm.name!r} needs --{name}, a receipt of its embeddings")
    models = {name: getattr(args, f"{name}_model") for name in tuned}
    for name, model in models.items():
        if model is None:
            raise UserError(f"arm {arm.name!r} needs --{name}-model, the encoder that it trains")

    import torch

    from seqfuse.codons import training, training_job

    torch.set_num_threads(args.threads)
    settings = cli_flags.take(args, training.Training)
    files = (args.records, args.frames, receipts, models)
    job = (settings, args.seeds, args.state, args.genetic_code)
    training_job.Job(arm, args.dataset, *files, *job).run(args.out)
