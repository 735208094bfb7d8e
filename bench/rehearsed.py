"""Estimates of `seqfuse rehearse` beside what a finished run's jobs took, as Snakemake saw it.

    python -m bench.rehearsed preset=rehearsal 'mirror=[...]'

with the arguments of the run's --config, in its folder. Memory is the largest sampled resident set;
of a mapped file, the pages that were read count.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from seqfuse.plan.rehearsal import cards
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.plan.run import Run
from seqfuse.settings import configuration, sources

# What the name of a rule's benchmark is made of.
_NAMES = {
    "language_pretrain": ("pretraining",),
    "language_finetune": ("suite", "method"),
    "language_predict": ("suite", "method"),
    "language_probe": ("suite", "method"),
    "language_attention": ("suite", "method"),
    "embeddings": ("dataset", "view", "encoder"),
    "codons_train": ("dataset", "arm"),
    "codons_interpret": ("dataset",),
}


def table(run: Run) -> list[dict]:
    """Computed and measured gigabytes and minutes of every job that computes with a model."""
    estimates, rows = Estimates(run, cards.card(run.settings)), []
    for rule, names in _NAMES.items():
        for path in sorted(Path(run.results, "benchmarks", rule).glob("*.jsonl")):
            wildcards = SimpleNamespace(**dict(zip(names, path.stem.split("."), strict=True)))
            estimate = estimates.of(rule, wildcards)
            took = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
            rows.append(
                {
                    "job": f"{rule} {path.stem}",
                    "computed GB": estimate.needed(estimates.card) / 1e9,
                    "measured GB": took["max_rss"] * 2**20 / 1e9,
                    "computed min": estimate.seconds / 60,
                    "measured min": took["s"] / 60,
                    "CPU min": took["cpu_time"] / 60,
                }
            )
    return rows


def main(words: list[str]) -> None:
    """Print the table as Markdown."""
    run = Run(configuration.resolve(sources.read_all([], words).settings))
    rows = table(run)
    print("| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0]), sep="\n")
    for row in rows:
        cells = (value if isinstance(value, str) else f"{value:.1f}" for value in row.values())
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
