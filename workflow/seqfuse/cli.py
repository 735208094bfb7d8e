"""The command line: `seqfuse <stage> [<command>] ...`, one command per rule.

Each command is a module with `add_arguments(parser)` and `run(args)`. Only the module of the
requested command is imported, so that help and errors appear at once.
"""

import argparse
import atexit
import errno
import gc
import importlib
import os
import signal
import sys
from typing import NoReturn

from seqfuse import __version__, fingerprint
from seqfuse.errors import UserError, lines, nearest, quoted
from seqfuse.training.interruption import preemption

# stage -> (what it does, {command -> module}); a stage with one nameless command is the command.
STAGES: dict[str, tuple[str, dict[str, str]]] = {
    "data": (
        "look at a file of your own; read datasets and models of the catalogue",
        {
            "look": "seqfuse.data.looking.look",
            "records": "seqfuse.data.records",
            "card": "seqfuse.data.card",
            "model": "seqfuse.data.model",
        },
    ),
    "sequences": (
        "clean records, lay out codon frames, audit splits for leakage",
        {"": "seqfuse.sequences.clean"},
    ),
    "canary": (
        "check that a node has what training needs, before training starts",
        {"": "seqfuse.canary.check"},
    ),
    "embeddings": (
        "embed sequences into the store; inspect, verify and tidy it",
        {
            "write": "seqfuse.embeddings.write",
            "inspect": "seqfuse.embeddings.inspect",
            "verify": "seqfuse.embeddings.verify",
            "gc": "seqfuse.embeddings.gc",
        },
    ),
    "language": (
        "train DNA-language models, predict with them, probe them",
        {
            "pretrain": "seqfuse.language.pretrain",
            "trial": "seqfuse.language.trial",
            "rate": "seqfuse.language.rate",
            "finetune": "seqfuse.language.finetune",
            "attention": "seqfuse.language.attention",
            "leakage": "seqfuse.language.leakage",
            "predict": "seqfuse.language.predict",
            "probe": "seqfuse.language.probe",
            "linear-probe": "seqfuse.language.linear_probes.linear_probe",
            "trace": "seqfuse.language.tracing.trace",
        },
    ),
    "codons": (
        "train fusions by codon, use them on new sequences, interpret them",
        {
            "train": "seqfuse.codons.train",
            "card": "seqfuse.codons.card",
            "predict": "seqfuse.codons.predict",
            "design": "seqfuse.codons.design",
            "embed": "seqfuse.codons.application.embed",
            "interpret": "seqfuse.codons.interpret",
        },
    ),
    "controls": (
        "predict with what a score must beat: lookups, composition, late fusion",
        {
            "language": "seqfuse.controls.language",
            "folds": "seqfuse.controls.folds",
            "codons": "seqfuse.controls.codons",
            "shuffle": "seqfuse.controls.shuffle",
            "randomise": "seqfuse.controls.randomise",
        },
    ),
    "evaluation": (
        "compute metrics with intervals, and paired comparisons",
        {"": "seqfuse.evaluation.evaluate"},
    ),
    "judge": (
        "score generated reasoning, by a language model or by word overlap",
        {"": "seqfuse.judge.judge"},
    ),
    "figures": (
        "draw figures and tables from metrics, verdicts and embeddings",
        {"": "seqfuse.figures.draw"},
    ),
    "fetch": (
        "download the datasets and models of a run ahead of time",
        {"": "seqfuse.plan.tools.fetch"},
    ),
    "rehearse": (
        "estimate memory, time and GPU-hours of a run",
        {"": "seqfuse.plan.tools.rehearse"},
    ),
    "why": ("show what a run would do and why, by rule", {"": "seqfuse.plan.tools.why"}),
    "accept": ("keep results that older code made", {"": "seqfuse.plan.tools.accept"}),
    "archive": (
        "pack a run's predictions and scores into one file, without its data",
        {"": "seqfuse.plan.tools.archive"},
    ),
    "rescore": (
        "compute an archive's numbers again and list what differs",
        {"": "seqfuse.plan.tools.rescore"},
    ),
    "diff": (
        "compare two runs: settings, methods, scores",
        {"": "seqfuse.plan.tools.diff"},
    ),
    "price": (
        "estimate what judging a run would cost; sends nothing",
        {"": "seqfuse.plan.tools.price"},
    ),
    "report": ("write one HTML file that opens without a network", {"": "seqfuse.report.build"}),
    "models": (
        "check what a model's folder can be used for",
        {"check": "seqfuse.language.check"},
    ),
    "ask": ("answer questions about DNA with a trained model", {"": "seqfuse.language.ask"}),
}

# How `seqfuse --help` lists them; what is in no group is listed under "others".
GROUPS = {
    "use a trained model": ("ask", "models"),
    "look at a run": ("why", "diff", "accept", "archive", "rescore", "price"),
    "before a run": ("fetch", "rehearse", "canary"),
    "stages, which the rules of the workflow call": (
        *("data", "sequences", "embeddings", "language", "codons", "controls"),
        *("evaluation", "judge", "figures", "report"),
    ),
}
_ABOUT = (
    "Fuse DNA with language models, and DNA, mRNA and protein embeddings with each other; no\n"
    "score without its controls. `seqfuse STAGE --help` describes one stage or tool."
)
_EXAMPLES = """examples:
  seqfuse data look my.csv      what a file of your own holds, and the entry to paste
  seqfuse why                   what snakemake would run, and why
  seqfuse ask --model FOLDER --dna new.fa --question "Is this a promoter?"
"""

# Imports and training make objects by the hundred thousand and hardly any garbage. Collecting as
# often as Python does by default costs a command that imports transformers one second, and the last
# collection at exit another, although the system is about to reclaim all memory.
_OBJECTS = 50_000
atexit.register(gc.freeze)

# Characters of a path that an error message shows.
_NAME = 200
# What a user can do about a path or a disk, by the error's number.
_OF_THE_DISK = {
    errno.ENOSPC: "free some space and run this again",
    errno.EDQUOT: "free some of your quota and run this again",
    errno.EROFS: "write to another folder",
    errno.EACCES: "get access to it, or use another folder",
    errno.ENAMETOOLONG: "give it a shorter name",
}


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, without the usage, which has some forty."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or 1 if it left out part of the work and said
    which. A user's mistake is one line on standard error and status 2; a signal that ends the
    command is one line and 128 plus the signal's number."""
    gc.set_threshold(_OBJECTS)
    argv = list(sys.argv[1:] if argv is None else argv)
    args = argparse.Namespace(command="seqfuse")
    try:
        with preemption.interruptible():
            _register_plugins()
            _check_names(argv)
            args = _parser(argv).parse_args(argv)
            if getattr(args, "threads", 1) < 1:
                raise UserError("--threads: at least 1")
            status = args.run(args) or 0
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output (`| head`) is gone, and nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except UserError as error:
        return _complain(args, error)
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        # Arrow's message speaks of bytes; the system's says what is wrong.
        reason, fix = os.strerror(error.errno), _OF_THE_DISK[error.errno]
        name = str(error.filename or "standard output")
        return _complain(args, f"{name[:_NAME]}{'...' * (len(name) > _NAME)}: {reason}; {fix}")
    except RuntimeError as error:
        # Recognised by name, because most commands do not import torch.
        if type(error).__name__ != "OutOfMemoryError":
            raise
        reason = " ".join(str(error).split()).partition(". GPU")[0]
        fix = "see what else uses that GPU (`nvidia-smi`), or use one with more memory"
        return _complain(args, f"{reason}; {fix}")
    except preemption.Interrupted as interruption:
        print(f"{args.command}: {interruption.line}", file=sys.stderr)
        return interruption.code
    return status


def _register_plugins() -> None:
    """Add the plugins of the run's configuration to the registry of this process."""
    if files := fingerprint.plugins():
        from seqfuse.registry import plugins

        plugins.register(files)


def _complain(args: argparse.Namespace, message: object) -> int:
    print(lines(f"{args.command}: error", message), file=sys.stderr)
    return 2


def _check_names(argv: list[str]) -> None:
    """`UserError`, naming the likely one, for an unknown stage or an unknown command of a stage."""
    stage, command = [*argv, "-", "-"][:2]
    if stage.startswith("-"):
        return
    if stage not in STAGES:
        owners = [owner for owner, (_, commands) in STAGES.items() if stage and stage in commands]
        meant = " or ".join(f"`seqfuse {owner} {stage}`" for owner in owners)
        hint = f"; did you mean {meant}?" if owners else nearest(stage, STAGES)
        raise UserError(f"no stage {quoted(stage)}{hint}")
    commands = STAGES[stage][1]
    if "" not in commands and not command.startswith("-") and command not in commands:
        raise UserError(f"{stage} has no command {quoted(command)}{nearest(command, commands)}")


def _grouped() -> str:
    """Stages and tools by group, one line each."""
    listed = {name for names in GROUPS.values() for name in names}
    others = tuple(name for name in STAGES if name not in listed)
    blocks = []
    for title, names in (GROUPS | {"others": others}).items():
        lines = [f"  {name:<12}{STAGES[name][0]}" for name in names]
        blocks += ["\n".join([f"{title}:", *lines])] if lines else []
    return "\n\n".join(blocks)


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="seqfuse",
        usage="seqfuse [--version] STAGE [COMMAND] ...",
        description=f"{_ABOUT}\n\n{_grouped()}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seqfuse {__version__}")
    # The description lists them.
    stages = parser.add_subparsers(
        metavar="STAGE", required=True, help=argparse.SUPPRESS, prog="seqfuse"
    )
    for stage, (summary, commands) in STAGES.items():
        stage_parser = stages.add_parser(
            stage,
            description=summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if stage not in argv[:1]:
            continue
        if "" in commands:
            _add_command(stage_parser, stage, commands[""])
            continue
        subparsers = stage_parser.add_subparsers(metavar="COMMAND", required=True)
        wanted = {name: commands[name] for name in argv[1:2] if name in commands}
        for name, module in (wanted or commands).items():
            documentation = importlib.import_module(module).__doc__
            command_parser = subparsers.add_parser(
                name,
                help=documentation.split("\n")[0],
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            _add_command(command_parser, f"{stage} {name}", module)
    return parser


def _add_command(parser: argparse.ArgumentParser, command: str, module_name: str) -> None:
    module = importlib.import_module(module_name)
    parser.description = module.__doc__
    module.add_arguments(parser)
    parser.set_defaults(run=module.run, command=f"seqfuse {command}")


if __name__ == "__main__":
    sys.exit(main())
