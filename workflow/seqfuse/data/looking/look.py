"""Describe a file: its format, what its columns look like, what is odd, and the entry to paste.

Reads the file once, row by row, as `seqfuse data records` does. Writes nothing except the index
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
    """The description of a file, line by line."""
    import yaml

    from seqfuse.bio.reading import file_kinds
    from seqfuse.bio.reading.readers import Reader
    from seqfuse.data.looking import entry, oddities
    from seqfuse.errors import printable

    fields = _header_fields(path)
    reader = Reader(path, fields, genome=genome)
    rows, columns, unreadable = _read(reader)
    fields = _named(fields, columns)
    odd = oddities.of(reader, unreadable, columns)
    form = file_kinds.form(path)
    description = [f"{path}: {form}, {rows:,} rows, {len(columns)} columns", ""]
    width = max(len(column.name[:30]) for column in columns)
    for column in columns:
        description.append(
            f"  {printable(column.name[:30]):{width}}  {printable(column.described())}"
        )
    description += ["", "Odd:", *(f"  {printable(line)}" for line in odd)] if odd else []
    item: dict = {"source": "vcf" if form == "vcf" else "files", "files": [{"path": str(path)}]}
    item |= {"genome": str(genome)} if genome else {}
    if fields:
        item["header_fields"] = list(fields)
    name = path.name.split(".")[0].replace("_", "-").lower() or "mine"
    config, missing = entry.draft(name, item, columns)
    description += ["", "To fill in:", *(f"  {line}" for line in missing)] if missing else []
    pasted = yaml.safe_dump(config, sort_keys=False, default_flow_style=None, allow_unicode=True)
    return [*description, "", "For config.yaml:", "", *pasted.rstrip().splitlines()]


def _read(reader) -> tuple[int, list, list]:
    """The number of readable rows, the columns, and the kinds of unreadable rows."""
    from seqfuse.bio.reading.bad_rows import BadRow, BadRows, Place
    from seqfuse.data.looking.columns import Column

    columns = [Column(name) for name in reader.columns()]
    names, unreadable, rows = [column.name for column in columns], BadRows(), 0
    for line, row in reader.each(names):
        if isinstance(row, BadRow):
            unreadable.add(Place(str(reader.path), line, row.id, reader.unit), row)
            continue
        rows += 1
        for column in columns:
            column.add(line, row.get(column.name))
    return rows, columns, list(unreadable)


def _header_fields(path: Path) -> tuple[str, ...]:
    """Names for the parts of FASTA headers, if all have the same number of `|`; otherwise none."""
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


def _named(fields: tuple[str, ...], columns: list) -> tuple[str, ...]:
    """Rename the parts of headers, and their columns, after the fields that they look like."""
    from seqfuse.data.looking import entry

    field_of = {column: field for field, column in entry.roles(columns).items() if column in fields}
    if "id" in fields and "id" in field_of.values():
        field_of.setdefault("id", "field1")
    for column in columns:
        column.name = field_of.get(column.name, column.name)
    return tuple(field_of.get(field, field) for field in fields)
