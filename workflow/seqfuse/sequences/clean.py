"""Clean a table of records, lay out codon frames, and audit what leaks between splits.

Reads records.parquet. Writes into a folder: records.parquet (kept rows), rejects.parquet (the other
rows, with the reason), audit.json (counts, duplicates, what a lookup scores), clusters.parquet
(which scored rows are one sample) and, for study codons or with --cds, frames.parquet.

    seqfuse sequences --records data/kegg/records.parquet --study language --out sequences/kegg \\
        --max-length 512 --too-long window
"""

import argparse

from seqfuse.errors import UserError
from seqfuse.settings import cli_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--records", required=True, help="records.parquet of `seqfuse data records`"
    )
    parser.add_argument(
        "--study",
        required=True,
        choices=["language", "codons", "pairs"],
        help="what the records are for; codons requires coding sequences and writes their frames",
    )
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument(
        "--expected",
        nargs="*",
        default=[],
        metavar="SPLIT=N",
        help="rows that each split must keep, such as train=1600; any other number stops the run",
    )
    parser.add_argument(
        "--coding", action="store_true", help="the sequences code for proteins, whatever the study"
    )
    parser.add_argument(
        "--cds",
        type=int,
        choices=[0, 1, 2],
        metavar="FRAME",
        help="study language: read each sequence in codons that start after this many nucleotides;"
        " sequences that are not coding are refused",
    )
    cli_flags.add(parser, "sequences")


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from seqfuse import files
    from seqfuse.progress import say
    from seqfuse.sequences import audit, cleaning, clusters

    settings = cli_flags.take(args, cleaning.Settings)
    with files.atomic_directory(args.out) as folder:
        cleaner = cleaning.Cleaner(Path(args.records), args.study, settings, args.coding, args.cds)
        summary = cleaning.clean(cleaner, folder)
        # Only coding sequences have proteins to compare.
        is_coding = summary["coding"] and summary["coding"]["is_coding"]
        coding = cleaner.proteins() if is_coding else None
        cleaned = folder / "records.parquet"
        clustered = clusters.write(cleaned, folder / "clusters.parquet", coding=coding)
        report = summary | audit.audit(cleaned, clustered)
        report["warnings"] = summary["warnings"] + report["warnings"]
        _check_expected(args.records, args.expected, report["splits"])
        if args.study != "pairs":
            _refuse_undefined(args.records, report)
        report["warnings"] += clusters.warnings(clustered)
        files.write_json(folder / "audit.json", report)
    for warning in report["warnings"]:
        say(f"warning: {args.records}: {warning}")
    counts = report["rows"]
    say(f"{args.out}: {counts['read']} read, {counts['kept']} kept, {counts['rejected']} rejected")


def _check_expected(records: str, wanted: list[str], kept: dict[str, int]) -> None:
    """Stop if a split does not have the number of rows that is expected of it."""
    try:
        expected = {name: int(number) for name, number in (word.split("=") for word in wanted)}
    except ValueError:
        raise UserError(
            f"--expected: {' '.join(wanted)}: write SPLIT=N, such as train=1600"
        ) from None
    if {name: kept[name] for name in expected} != expected:
        raise UserError(
            f"{records}: expected {_counts(expected)} rows after cleaning, found {_counts(kept)};"
            " use the catalogue's file and its entry's own `cleaning`, or correct `rows` in the"
            " dataset's entry"
        )


def _refuse_undefined(records: str, report: dict) -> None:
    """Stop at a test split with one row, group or value: its scores are undefined or have no
    interval."""
    rows = report["splits"]["test"]
    if report["groups"]["test"] == 1:
        what = "one row" if rows == 1 else f"{rows} rows, all in one group"
    elif "test" in report["constant"]:
        what = f"{rows} rows, all with one value"
    else:
        return
    raise UserError(
        f"{records}: test has {what}, so correlations and intervals are undefined; give it others,"
        " or split all rows anew: `cleaning: {split_by: random}` in the dataset's entry"
    )


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in rows.items())
