"""Turn a dataset of the catalogue into one table of records, and a card that describes it.

Reads the entry's source: a demo generator, local files or files in a mirror folder, a download
verified by its checksum, or a dataset repository at a commit. Writes records.parquet and card.json;
downloads stay in `source/` beside them.

    seqfuse data records --name demo-motifs --out records.parquet --card card.json \\
        --entry '{"source": "synthetic", "generator": "motifs", "study": "language"}'
"""

import argparse

from seqfuse.data import entry_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    entry_flags.add_arguments(parser, "dataset")
    parser.add_argument(
        "--mirror",
        action="extend",
        nargs="*",
        default=[],
        metavar="DIR",
        help="folders searched first for the entry's files, whose checksums must match as well",
    )
    parser.add_argument("--out", required=True, help="records.parquet to write")
    parser.add_argument("--card", required=True, help="card.json to write")


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from seqfuse import files
    from seqfuse.data import assemble, download
    from seqfuse.progress import say
    from seqfuse.settings import datasets

    entry = datasets.validate(args.name, entry_flags.entry(args))
    sources, made = [], None
    if entry["source"] == "synthetic":
        batches = assemble.demo(entry)
    else:
        sources = download.obtain(args.name, entry, args.mirror, Path(args.out).parent / "source")
        made = assemble.missing_splits(entry, sources)
        batches = assemble.read(entry, sources, made)
    counts = assemble.write(args.out, batches, sources)
    for remark in assemble.remarks(entry, sources, counts, made):
        say(f"{args.name}: {remark}")
    files.write_json(args.card, assemble.card(args.name, entry, sources, counts, made))
