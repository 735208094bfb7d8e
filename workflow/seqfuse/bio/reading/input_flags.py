"""The flags of a command that reads new sequences: what its columns are called, and what becomes of
rows that cannot be used."""

import argparse
from collections.abc import Collection

from seqfuse.errors import UserError, several

# The fields of coding sequences, and of sequences that a question is asked about.
CODING = ("id", "sequence", "cds_start", "cds_end", "transl_table")
ASKED = ("id", "sequence", "variant", "question")


def add(parser: argparse.ArgumentParser, fields: Collection[str]) -> None:
    """Add them; `fields` are what a table may have."""
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="FIELD=COLUMN",
        help=f"what a table calls {several([*fields])}, as in sequence=cds",
    )
    parser.add_argument(
        "--bad-rows",
        choices=["reject", "refuse"],
        default="reject",
        help="of rows that cannot be used: leave them out, name them and end with status 1, or stop"
        " (default: reject)",
    )


def columns(args: argparse.Namespace) -> dict[str, str]:
    """Field -> column, as --columns says."""
    column_of = {}
    for word in args.columns:
        field, _, column = word.partition("=")
        if not (field and column):
            raise UserError("--columns: write FIELD=COLUMN, such as sequence=cds")
        column_of[field] = column
    return column_of
