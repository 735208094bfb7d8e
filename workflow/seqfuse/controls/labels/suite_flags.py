"""The flags that name the datasets of a suite, for the controls of study A."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )


def genetic_codes(words: Iterable[str]) -> dict[str, int]:
    """The genetic code of each coding dataset, from NAME=CODE."""
    from seqfuse.bio.frames import TABLES

    pairs = [word.rpartition("=") for word in words]
    for name, _, code in pairs:
        if not name or not code.isdecimal() or int(code) not in TABLES:
            raise UserError(f"--coding: {name}={code}: write NAME=CODE, such as my-set=1")
    return {name: int(code) for name, _, code in pairs}


def datasets(args: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """(name, cleaned records) of each dataset; another number of files is refused."""
    if len(args.datasets) != len(args.records):
        raise UserError(
            f"--records: {len(args.records)} files for {len(args.datasets)} datasets; "
            "give one each, in order"
        )
    return zip(args.datasets, args.records, strict=True)
