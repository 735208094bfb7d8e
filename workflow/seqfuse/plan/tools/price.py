"""Estimate how many requests judging a run takes and what they cost, before anything is sent.

Makes a dry run with the same words as snakemake. Prints one line for each method and control that
is still to be judged, and their sum, in which a request that several share counts once. If a method
has not answered yet, its reasoning is assumed to be as long as the reference. Nothing is sent.

    seqfuse price --profile slurm --config preset=paper judge='{judge: openai}'
"""

import argparse
import shlex

from seqfuse.plan import dry_run
from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from seqfuse.judge import judge, pricing

    jobs, settings = dry_run.planned(dry_run.words(args, args.targets))
    parser = argparse.ArgumentParser()
    judge.add_arguments(parser)
    calls = [parser.parse_args(_words(job.command)) for job in jobs if job.rule == "judge"]
    with_settings = [(call, cli_flags.take(call, judge.Settings)) for call in calls]
    for line in pricing.lines(with_settings, len(settings["seeds"])):
        print(line)


def _words(command: str) -> list[str]:
    """The arguments of a job's shell line, up to the redirection of its output."""
    words = shlex.split(command)
    return words[words.index("judge") + 1 : words.index("2>")]
