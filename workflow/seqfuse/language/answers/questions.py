"""Questions about DNA from files of one's own: FASTA, or a table that may ask each its own."""

from collections.abc import Mapping
from pathlib import Path

from seqfuse.bio.reading import new_sequences
from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.bio.reading.input_flags import ASKED
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.bio.reading.readers import Reader
from seqfuse.progress import say


def read_vcf(vcf: Path, genome: Path | None, window: int, strand: str) -> list[NewSequence]:
    """A row an alternative allele: windows of the genome with either allele. The id of each says
    where it lies, CHROM:POS:REF>ALT."""
    reader = Reader(vcf, genome=genome, window=window, strand=strand)
    rows = new_sequences.read(vcf, ("id", "sequence", "variant"), {}, reader)
    for what, count in reader.noted.items():
        if count:
            say(f"{vcf}: {count:,} {what}")
    return rows


def read_dna(
    reference: Path, variant: Path | None, columns: Mapping[str, str] | None = None
) -> list[NewSequence]:
    """The rows of a file, with the variants of a file of their own if there is one; `columns` names
    those that are called otherwise.

    A variant belongs to the reference of its name; where either file holds one record, the two
    belong together whatever their names. A row without its other half cannot be used.
    """
    rows = new_sequences.read(reference, ASKED, columns or {})
    if variant is None:
        return rows
    variants = {row.id: row for row in new_sequences.read(variant, ASKED, {})}
    if len(rows) == len(variants) == 1:
        variants = dict(zip([rows[0].id], variants.values(), strict=True))
    for row in rows:
        other = variants.pop(row.id, None)
        if other is None:
            row.reject(BadRow(f"no variant of this name in {variant.name}", fix="give it one"))
        elif other.fault is not None:
            row.reject(BadRow(f"its variant: {other.fault}", fix=other.fault.fix))
        else:
            row.cells["variant"] = other.cells["sequence"]
    for row in variants.values():
        row.reject(BadRow(f"no sequence of this name in {reference.name}", fix="give it one"))
    return rows + list(variants.values())
