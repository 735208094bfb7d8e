"""The flags of a command that reads new sequences: the names of its columns, and what happens to
rows that cannot be used."""

import argparse
from collections.abc import Collection

from seqfuse.errors import UserError, several

# The fields of coding sequences, and of sequences with a question.
CODING = ("id", "sequence", "cds_start", "cds_end", "transl_table")
ASKED = ("id", "sequence", "variant", "question")


def add(parser: argparse.ArgumentParser, fields: Collection[str]) -> None:
    """Add the flags; `fields` are the fields that a table may have."""
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="FIELD=COLUMN",
        help=f"the table's columns for {several([*fields])}, as in sequence=cds",
    )
    parser.add_argument(
        "--bad-rows",
        choices=["reject", "refuse"],
        default="reject",
        help="rows that cannot be used: reject leaves them out, names them and ends with status 1;"
        " refuse stops (default: reject)",
    )


def columns(args: argparse.Namespace) -> dict[str, str]:
    """Field -> column, from --columns."""
    column_of = {}
    for word in args.columns:
        field, _, column = word.partition("=")
        if not (field and column):
            raise UserError("--columns: write FIELD=COLUMN, such as sequence=cds")
        column_of[field] = column
    return column_of
