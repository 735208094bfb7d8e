"""The flags by which a control of study A reads the datasets of a suite."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )


def datasets(args: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """(name, cleaned records) of each dataset; each dataset must have a file."""
    if len(args.datasets) != len(args.records):
        raise UserError(
            f"--records: {len(args.records)} files for {len(args.datasets)} datasets; "
            "give one each, in order"
        )
    return zip(args.datasets, args.records, strict=True)
