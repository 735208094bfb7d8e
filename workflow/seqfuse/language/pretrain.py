"""Align gene sequences with their descriptions (SeqCLIP's contrastive pre-training).

Reads cleaned gene-text pairs, a DNA encoder (or stored states by codon, --states), a frozen text
encoder, and the width of the language model that the adapter is for. Writes a folder: encoder/ (the
trained encoder in its published layout; not with --states), adapter.safetensors (from which
fine-tuning starts), model.json, vectors.parquet (genes and descriptions of the held-out pairs),
log.jsonl and cost.json. An interrupted run resumes from --state to the same numbers.

    seqfuse language pretrain --pairs results/demo/sequences/demo-genes/records.parquet \\
        --encoder results/demo/data/models/demo-nt \\
        --text-encoder results/demo/data/models/demo-bert \\
        --backbone results/demo/data/models/demo-qwen3 \\
        --text-vectors results/demo/state/language/text_vectors \\
        --state results/demo/state/language/pretrain/seqclip \\
        --out results/demo/language/pretrain/seqclip
"""

import argparse
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.settings import cli_flags
from seqfuse.training.distributed import launch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", required=True, type=Path, help="cleaned gene-text pairs")
    genes = parser.add_mutually_exclusive_group(required=True)
    genes.add_argument("--encoder", type=Path, help="folder of a DNA encoder")
    genes.add_argument(
        "--states",
        type=Path,
        metavar="RECEIPT",
        help="instead: states of all genes by codon, from `seqfuse codons embed`; needs"
        " --train-encoder false",
    )
    parser.add_argument("--text-encoder", required=True, type=Path, help="folder of a text encoder")
    parser.add_argument(
        "--backbone", required=True, type=Path, help="language model that the adapter is for"
    )
    launch.add_arguments(parser)
    parser.add_argument(
        "--text-vectors",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder that caches the descriptions' vectors, by encoder and texts",
    )
    parser.add_argument("--state", required=True, type=Path, help="folder to resume from")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    cli_flags.add(parser, "language/pretrain")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse.language.pretraining import pretraining_job

    torch.set_num_threads(args.threads)
    settings = cli_flags.take(args, pretraining_job.Settings)
    if args.states and settings.train_encoder:
        raise UserError("--states: stored states cannot be trained; add --train-encoder false")
    job = pretraining_job.Job(
        args.pairs,
        args.encoder,
        args.states,
        args.text_encoder,
        args.backbone,
        settings,
        args.text_vectors,
        args.state,
        args.tensorboard,
    )
    with launch.started(args.processes):
        job.run(args.out)
