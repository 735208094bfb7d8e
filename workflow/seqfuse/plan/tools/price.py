"""Say what judging a run would ask of a server, and cost, before anything is sent.

Reads the plan of a dry run with the same words as snakemake. Prints a line for each method and
control that is still to be judged, and the sum, in which a question that several ask counts once.
Where a method has not answered yet, its reasoning is taken to be as long as the reference. Nothing
runs.

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
    asked = [(call, cli_flags.take(call, judge.Settings)) for call in calls]
    for line in pricing.lines(asked, len(settings["seeds"])):
        print(line)


def _words(command: str) -> list[str]:
    """The flags of a job's shell line, without where its output goes."""
    words = shlex.split(command)
    return words[words.index("judge") + 1 : words.index("2>")]
