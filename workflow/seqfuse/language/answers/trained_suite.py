"""The flags of commands that read a fine-tuned method and the records of its suite."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser, datasets: str, encoder: bool = False) -> None:
    """Add --model, --datasets, --records and --threads; `datasets` is the help of --datasets.

    With `encoder`, also add --encoder, for methods that encode DNA which no store holds.
    """
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="finetune's --out")
    parser.add_argument("--datasets", required=True, nargs="+", metavar="NAME", help=datasets)
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    if encoder:
        parser.add_argument(
            "--encoder",
            nargs="+",
            type=Path,
            metavar="DIR",
            help="folder of the encoder, or one for each seed, in order (default: its location when"
            " the model was trained)",
        )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
