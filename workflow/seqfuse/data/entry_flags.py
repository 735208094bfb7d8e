"""The flags that name an entry of a catalogue on the command line, and the entry itself."""

import argparse
import json

from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """Flags of an entry of the catalogue of `kind`: dataset or model."""
    parser.add_argument("--name", required=True, help=f"name of the {kind}")
    parser.add_argument(
        "--entry",
        required=True,
        help=f"its catalogue entry as JSON, see resources/{kind}s.yaml",
    )


def entry(args: argparse.Namespace) -> dict:
    """The entry as it was written."""
    try:
        return json.loads(args.entry)
    except json.JSONDecodeError as error:
        raise UserError(f"--entry: not valid JSON ({error})") from None
