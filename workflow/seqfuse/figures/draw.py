"""Write a figure's table, and draw the figure from that table.

Reads the files that the figure needs, one flag per kind. Writes PREFIX.csv, and from the CSV alone
PREFIX.svg, PREFIX.png and PREFIX.md. Same inputs, same bytes.

    seqfuse figures --figure methods --metrics results/demo/evaluation/language/*/metrics.parquet \\
        --out results/demo/figures/methods
"""

import argparse
import importlib
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.registry.figures import FIGURES, RANDOM_WEIGHTS, Figure
from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which figure, the files it is made from, and where it goes."""
    parser.add_argument("--figure", required=True, choices=FIGURES, help="which figure")
    for need in sorted({need for figure in FIGURES.values() for need in figure.needs}):
        parser.add_argument(_flag(need), nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument(
        "--scratch",
        action="store_true",
        help="say on the figure that its models start from random weights",
    )
    cli_flags.add(parser, "evaluation", "confidence")
    parser.add_argument("--out", required=True, type=Path, metavar="PREFIX")


def _flag(need: str) -> str:
    return f"--{need.replace('_', '-')}"


def run(args: argparse.Namespace) -> None:
    """Write the table of one figure, then draw the figure from it."""
    from seqfuse.figures.drawing import readers, render

    figure = FIGURES[args.figure]
    for need in figure.needs:
        if not getattr(args, need):
            raise UserError(f"the figure {figure.name!r} is made from {_flag(need)} FILE ...")
    module = importlib.import_module(figure.module)
    frames = {need: readers.read(need, getattr(args, need)) for need in figure.needs}
    csv = args.out.with_name(f"{args.out.name}.csv")
    own = (args.confidence,) if figure.estimates else ()
    table = module.table(frames, *own)
    if figure.intervals:
        table = table.assign(coverage=args.confidence)
    render.write_csv(table, csv)
    from_csv(figure, csv, args.out, args.confidence, args.scratch)


def from_csv(
    figure: Figure, csv: Path, prefix: Path, confidence: float, scratch: bool = False
) -> None:
    """Draw a figure from its CSV, which someone may have edited, to PREFIX.svg, .png and .md.

    `confidence` is that of the run's intervals, which the caption names.
    """
    from seqfuse.figures.drawing import names, render

    frame = render.read_csv(csv)
    drawn = frame[frame["kind"] != "control"] if "kind" in frame else frame
    names.tell_apart(name for key in ("method", "arm") if key in drawn for name in drawn[key])
    note = f"{RANDOM_WEIGHTS}." if scratch else ""
    module = importlib.import_module(figure.module)
    caption = figure.caption(confidence)
    render.write_markdown(figure.title, caption, frame, note, prefix.with_name(f"{prefix.name}.md"))
    render.write_pictures(module.draw, frame, note, prefix)
