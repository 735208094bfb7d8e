"""Clean a table of records, lay out codon frames, and audit what leaks between splits.

Reads records.parquet. Writes into a folder: records.parquet (kept rows), rejects.parquet (the other
rows, with the reason), audit.json (counts, duplicates, what a lookup scores) and, for study codons,
frames.parquet.

    seqfuse sequences --records data/kegg/records.parquet --study language --out sequences/kegg \\
        --max-length 512 --too-long window
"""

import argparse

from seqfuse import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--records", required=True, help="records.parquet of `seqfuse data records`"
    )
    parser.add_argument(
        "--study",
        required=True,
        choices=["language", "codons", "pairs"],
        help="what the records are for; codons asks for coding sequences and writes their frames",
    )
    parser.add_argument("--out", required=True, help="folder to write")
    options.add(parser, "sequences")


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from seqfuse import files
    from seqfuse.progress import say
    from seqfuse.sequences import audit, cleaning

    settings = options.take(args, "sequences", cleaning.Settings)
    with files.atomic_directory(args.out) as folder:
        found = cleaning.clean(Path(args.records), folder, args.study, settings)
        report = found | audit.audit(folder / "records.parquet")
        report["warnings"] = cleaning.warnings(found, settings) + report["warnings"]
        files.write_json(folder / "audit.json", report)
    for warning in report["warnings"]:
        say(f"warning: {args.records}: {warning}")
    counts = report["rows"]
    say(f"{args.out}: {counts['read']} read, {counts['kept']} kept, {counts['rejected']} rejected")
