"""Say what a file of one's own is, what its columns look like, what is odd, and the entry to paste.

Reads the file once, row by row, as `seqfuse data records` does. Writes nothing, but for the index
(.fai) of a genome that has none. What a column looks like is a guess from its cells: read the entry
before you paste it into config.yaml.

    seqfuse data look my.csv
    seqfuse data look calls.vcf.gz --genome ref.fa
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="table, FASTA, annotation, VCF")
    parser.add_argument(
        "--genome", type=Path, metavar="FASTA", help="the genome of a GFF3 or VCF file"
    )


def run(args: argparse.Namespace) -> None:
    for line in lines(args.file, args.genome):
        print(line)


def lines(path: Path, genome: Path | None) -> list[str]:
    """What is said of a file."""
    import yaml

    from seqfuse.bio.reading import file_kinds
    from seqfuse.bio.reading.readers import Reader
    from seqfuse.data.looking import entry
    from seqfuse.errors import printable

    fields = _header_fields(path)
    reader = Reader(path, fields, genome=genome)
    rows, columns, odd = _read(reader)
    form = file_kinds.form(path)
    said = [f"{path}: {form}, {rows:,} rows, {len(columns)} columns", ""]
    width = max(len(column.name[:30]) for column in columns)
    for column in columns:
        said.append(f"  {printable(column.name[:30]):{width}}  {printable(column.described())}")
    said += ["", "Odd:", *(f"  {printable(line)}" for line in odd)] if odd else []
    item: dict = {"source": "vcf" if form == "vcf" else "files", "files": [{"path": str(path)}]}
    item |= {"genome": str(genome)} if genome else {}
    if fields:
        item["header_fields"] = list(fields)
    name = path.name.split(".")[0].replace("_", "-").lower() or "mine"
    config, missing = entry.made(name, item, columns)
    said += ["", "To fill in:", *(f"  {line}" for line in missing)] if missing else []
    pasted = yaml.safe_dump(config, sort_keys=False, default_flow_style=None, allow_unicode=True)
    return [*said, "", "For config.yaml:", "", *pasted.rstrip().splitlines()]


def _read(reader) -> tuple[int, list, list[str]]:
    """The rows that can be read, the columns, and what is odd."""
    from seqfuse.bio.reading.bad_rows import BadRow, BadRows, Place
    from seqfuse.data.looking.columns import ID, LABEL, SEQUENCES, Column

    columns = [Column(name) for name in reader.columns()]
    names, bad, rows = [column.name for column in columns], BadRows(), 0
    for line, row in reader.each(names):
        if isinstance(row, BadRow):
            bad.add(Place(str(reader.path), line, row.id, reader.unit), row)
            continue
        rows += 1
        for column in columns:
            column.add(line, row.get(column.name))
    odd = [f"cannot be read: {kind.fault}" for kind in bad]
    odd += [f"{count:,} {what}" for what, count in reader.noted.items() if count]
    for column in columns:
        if column.empty and column.filled:
            cells = column.empty + column.filled
            odd.append(
                f"{column.name}: {column.empty:,} of {cells:,} cells are empty, the first in"
                f" {reader.unit} {column.first_empty}"
            )
        kind = column.looks_like
        if kind in SEQUENCES and column.distinct < sum(column.values.values()):
            twice = sum(column.values.values()) - column.distinct
            odd.append(f"{column.name}: {twice:,} sequences repeat an earlier one")
        if kind in SEQUENCES and 0 < column.uracil < column.filled:
            odd.append(f"{column.name}: {column.uracil:,} of {column.filled:,} are RNA (U)")
        if kind == LABEL:
            alike: dict[str, list[str]] = {}
            for value in column.values:
                alike.setdefault(value.strip().casefold(), []).append(value)
            odd += [
                f"{column.name}: {', '.join(map(repr, values))} differ in case or blanks alone"
                for values in alike.values()
                if len(values) > 1
            ]
        if kind != ID and column.name.casefold() == "id" and column.filled:
            odd.append(f"{column.name}: is called id, and repeats or is no name")
    return rows, columns, odd


def _header_fields(path: Path) -> tuple[str, ...]:
    """Names for the parts of FASTA headers that are cut at `|` alike; none of other files."""
    import itertools

    from seqfuse.bio.reading import file_kinds
    from seqfuse.bio.reading.readers import Reader

    if not path.is_file() or not path.stat().st_size or file_kinds.form(path) != "fasta":
        return ()
    reader = Reader(path)
    first = itertools.islice(reader.rows(["id"]), 100)
    parts = {str(row.get("id")).count("|") for row in first}
    if len(parts) != 1 or parts == {0}:
        return ()
    return ("id", *(f"field{place}" for place in range(2, 2 + parts.pop())))
