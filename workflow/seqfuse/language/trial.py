"""Try one learning rate with the first seed of a method on a suite.

Reads what `seqfuse language finetune` reads, and writes JSON: the rate and the best validation loss
that it reached (null if the loss diverged). The trained model stays in --state, so that fine-tuning
with that seed and rate finds it finished.

    seqfuse language trial --suite variants --method onevocab --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet \\
        --backbone results/demo/data/models/demo-qwen3 --seeds 0 --learning-rate 0.001 \\
        --state results/demo/state/language/variants/onevocab \\
        --out results/demo/language/variants/onevocab/rates/0.001.json
"""

import argparse

from seqfuse.language import finetune
from seqfuse.training.distributed import launch

add_arguments = finetune.add_arguments


def run(args: argparse.Namespace) -> None:
    job = finetune.job_of(args)
    with launch.started(args.processes):
        job.trial(args.out)
