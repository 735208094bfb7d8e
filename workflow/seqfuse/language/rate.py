"""Choose the learning rate of a method on a suite: the one with the lowest validation loss.

Reads one file of `seqfuse language trial` for each rate. Writes JSON: the trials, and the rate that
fine-tuning uses for every seed.

    seqfuse language rate --trials results/demo/language/variants/onevocab/rates/*.json \\
        --out results/demo/language/variants/onevocab/rate.json
"""

import argparse
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trials", required=True, nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", required=True, type=Path, help="JSON to write")


def run(args: argparse.Namespace) -> None:
    trials = [read_json(path) for path in args.trials]
    for path, trial in zip(args.trials, trials, strict=True):
        if not {"learning_rate", "validation_loss"} <= trial.keys():
            raise UserError(f"{path}: not a file of `seqfuse language trial`")
    finished = [trial for trial in trials if trial["validation_loss"] is not None]
    if not finished:
        tried = ", ".join(str(trial["learning_rate"]) for trial in trials)
        raise UserError(f"the loss diverged at every learning rate ({tried}); try lower ones")
    best = min(finished, key=lambda trial: trial["validation_loss"])
    write_json(args.out, {"learning_rate": best["learning_rate"], "trials": trials})
