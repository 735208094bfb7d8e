"""Turn a model of the catalogue into a folder in its published layout.

Reads the entry: `scratch` (seeded random weights; a text model learns its tokeniser from the
records given with --text), `folder` (a local checkpoint, linked after a check) or `hub` (a pinned
commit; never code). Writes the folder, with model.json; later stages read only that. If the entry
does not pin the files of a hub model, the checksums of the first download are kept beside the
folder, in <folder>.sha256.json.

    seqfuse data model --name demo-nt --out models/demo-nt \\
        --entry '{"kind": "scratch", "layout": "nucleotide-transformer-v2"}'
"""

import argparse

from seqfuse.data import entry_flags
from seqfuse.settings.models import validate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    entry_flags.add_arguments(parser, "model")
    parser.add_argument(
        "--text",
        nargs="*",
        default=[],
        metavar="RECORDS",
        help="tables of records from whose text a scratch text model learns its tokeniser",
    )
    parser.add_argument("--out", required=True, help="folder to write")


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from seqfuse.data import pretrained_models
    from seqfuse.encoders.models import random_models, random_text_models
    from seqfuse.files import atomic_directory, write_json, write_manifest

    entry = validate(args.name, entry_flags.entry(args))
    with atomic_directory(args.out) as folder:
        if entry["kind"] == "scratch":
            texts = random_text_models.read_texts(args.text)
            random_models.write(entry["layout"], entry["config"], entry["seed"], texts, folder)
        else:
            record = Path(f"{args.out.rstrip('/')}.sha256.json")
            pretrained_models.fetch(args.name, entry, folder, record)
        facts = {"name": args.name, "scratch": entry["kind"] == "scratch"}
        facts |= {
            key: entry[key]
            for key in ("kind", "layout", "repository", "revision", "licence")
            if key in entry
        }
        write_json(folder / "model.json", facts)
        write_manifest(folder)
