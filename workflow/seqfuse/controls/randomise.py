"""Copy a model with random weights, to see what a score owes to pre-training.

Reads a model's folder. Writes another with the same layout, tokeniser and sizes, and with weights
drawn as for the scratch models, from a seed.

    seqfuse controls randomise --model results/paper/data/models/esm2-8m \\
        --out results/paper/data/models/esm2-8m@random
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", required=True, metavar="DIR", help="folder of an encoder or language model"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")


def run(args: argparse.Namespace) -> None:
    """Load, draw new weights, save."""
    from seqfuse import encoders
    from seqfuse.encoders.models import random_models, random_text_models
    from seqfuse.files import atomic_directory, read_json, write_manifest
    from seqfuse.registry.layouts import DECODERS

    if read_json(f"{args.model}/config.json").get("model_type") in DECODERS:
        with atomic_directory(args.out) as folder:
            random_text_models.fill_language_model(args.model, args.seed, folder)
            write_manifest(folder)
        return
    encoder = encoders.load(args.model)
    with atomic_directory(args.out) as folder:
        random_models.fill(encoder, args.seed, folder)
        write_manifest(folder)
