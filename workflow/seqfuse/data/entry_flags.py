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
        found = json.loads(args.entry)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise UserError(f"--entry: not valid JSON ({error})") from None
    except RecursionError:
        raise UserError("--entry: nested too deeply") from None
    except ValueError:
        raise UserError("--entry: half a character, or a number of too many digits") from None
    if not isinstance(found, dict):
        raise UserError("--entry: not a JSON object; write {...}")
    return found
