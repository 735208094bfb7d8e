"""The command-line flags that give a catalogue entry, and the parsed entry."""

import argparse
import json

from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add the flags for a catalogue entry of `kind`: dataset or model."""
    parser.add_argument("--name", required=True, help=f"name of the {kind}")
    parser.add_argument(
        "--entry",
        required=True,
        help=f"its catalogue entry as JSON, see resources/{kind}s.yaml",
    )


def entry(args: argparse.Namespace) -> dict:
    """The parsed entry; raises `UserError` if it is not a JSON object."""
    try:
        parsed = json.loads(args.entry)
        json.dumps(parsed, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise UserError(f"--entry: not valid JSON ({error})") from None
    except RecursionError:
        raise UserError("--entry: nested too deeply") from None
    except ValueError:
        raise UserError("--entry: half a character, or a number with too many digits") from None
    if not isinstance(parsed, dict):
        raise UserError("--entry: not a JSON object; write {...}")
    return parsed
