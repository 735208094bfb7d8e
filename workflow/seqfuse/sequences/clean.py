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
        help="what the records are for; codons asks for coding sequences and writes their frames",
    )
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument(
        "--expected",
        nargs="*",
        default=[],
        metavar="SPLIT=N",
        help="rows that each split must have left, such as train=1600; others stop the run",
    )
    parser.add_argument(
        "--coding", action="store_true", help="the sequences code proteins, whatever the study"
    )
    parser.add_argument(
        "--cds",
        type=int,
        choices=[0, 1, 2],
        metavar="FRAME",
        help="each sequence of study language is read in codons that begin behind so many"
        " nucleotides; what is not coding is refused",
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
        found = cleaning.clean(cleaner, folder)
        # What is no coding sequence has no protein to be compared.
        is_coding = found["coding"] and found["coding"]["is_coding"]
        coding = cleaner.proteins() if is_coding else None
        cleaned = folder / "records.parquet"
        together = clusters.write(cleaned, folder / "clusters.parquet", coding=coding)
        report = found | audit.audit(folder / "records.parquet", together)
        report["warnings"] = found["warnings"] + report["warnings"]
        _hold(args.records, args.expected, report["splits"])
        if args.study != "pairs":
            _refuse_undefined(args.records, report)
        report["warnings"] += clusters.warnings(together)
        files.write_json(folder / "audit.json", report)
    for warning in report["warnings"]:
        say(f"warning: {args.records}: {warning}")
    counts = report["rows"]
    say(f"{args.out}: {counts['read']} read, {counts['kept']} kept, {counts['rejected']} rejected")


def _hold(records: str, wanted: list[str], found: dict[str, int]) -> None:
    """Stop where a split has another number of rows than the source's paper counts."""
    try:
        expected = {name: int(number) for name, number in (word.split("=") for word in wanted)}
    except ValueError:
        raise UserError(
            f"--expected: {' '.join(wanted)}: write SPLIT=N, such as train=1600"
        ) from None
    if {name: found[name] for name in expected} != expected:
        raise UserError(
            f"{records}: expected {_counts(expected)} rows after cleaning, found {_counts(found)};"
            " take the file that the catalogue means and its entry's own `cleaning`, or set `rows`"
            " of the dataset's entry to what is right"
        )


def _refuse_undefined(records: str, report: dict) -> None:
    """Stop at a test split of one row, group or value: its scores are not defined, or have no
    interval."""
    rows = report["splits"]["test"]
    if report["groups"]["test"] == 1:
        what = "one row" if rows == 1 else f"{rows} rows, all of one group"
    elif "test" in report["constant"]:
        what = f"{rows} rows, all of one value"
    else:
        return
    raise UserError(
        f"{records}: test has {what}, of which no correlation and no interval can be had; give it"
        " others, or split all rows anew: `cleaning: {split_by: random}` in the dataset's entry"
    )


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in rows.items())
