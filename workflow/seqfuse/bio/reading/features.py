"""GenBank and EMBL, read by Biopython: each coding sequence (CDS) as a row, spliced and on its own
strand. One record of the file is in memory at a time."""

import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.bio.reading import text
from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.errors import UserError, quoted

if TYPE_CHECKING:
    from Bio.SeqFeature import SeqFeature
    from Bio.SeqRecord import SeqRecord

# Qualifiers of a CDS that are columns.
QUALIFIERS = ("gene", "locus_tag", "product", "protein_id", "transl_table", "codon_start")
COLUMNS = ("id", "sequence", *QUALIFIERS, "partial", "record", "organism", "location")
# The beginning of the line that opens a CDS.
_CDS = {"genbank": "     CDS  ", "embl": "FT   CDS  "}
# Biopython's warning about a truncated record.
_SIZES = re.compile(r"Expected sequence length (\d+), found (\d+)")
_NO_CODON = "it codes for no whole protein"


class Features:
    """The coding sequences of an annotated file."""

    def __init__(self, path: Path, form: str, noted: Counter[str]):
        self.path, self.form, self.noted = path, form, noted

    def columns(self) -> list[str]:
        """The columns, the same for every file; a CDS has None where it lacks a value."""
        return [*COLUMNS]

    def each(self, columns: Collection[str]) -> Iterator[tuple[int, dict | BadRow]]:
        """One row for each CDS, with the line where it begins; always all columns."""
        lines = _Lines(self.path, self.form)
        records = rows = 0
        for record in self._records(lines):
            records += 1
            coding = [feature for feature in record.features if feature.type == "CDS"]
            places = lines.starts[: len(coding)]
            lines.starts.clear()
            for number, feature in zip(places, coding, strict=True):
                rows += 1
                yield number, self._row(record, feature)
        if not records:
            raise UserError(f"{self.path}: no record; a record begins with a LOCUS or ID line")
        if not rows:
            raise UserError(
                f"{self.path}: no CDS in {records:,} records; give an annotated file, or FASTA if"
                " the records are coding sequences themselves"
            )

    def _records(self, lines: "_Lines") -> "Iterator[SeqRecord]":
        from Bio import SeqIO

        records = SeqIO.parse(lines, self.form)
        while True:
            try:
                with warnings.catch_warnings(record=True) as warned:
                    warnings.simplefilter("always")
                    record = next(records, None)
            except (ValueError, AssertionError, IndexError, AttributeError) as error:
                reason = " ".join(str(error).split())[:120] or type(error).__name__
                raise UserError(
                    f"{self.path}: line {lines.number}: the {self.form} file is cut or broken here"
                    f" or above ({reason}); fetch it again"
                ) from None
            if record is None:
                return
            for warning in warned:
                self._refuse_cut(record.id, str(warning.message), lines.number)
            yield record

    def _refuse_cut(self, id: str, warning: str, line: int) -> None:
        """Stop at a record that is shorter than its first line says."""
        sizes = _SIZES.match(warning)
        if sizes and int(sizes[2]) < int(sizes[1]):
            raise UserError(
                f"{self.path}: line {line}: the record {quoted(id)} is cut: it has {sizes[2]} of"
                f" {sizes[1]} nt; fetch it again"
            )

    def _row(self, record: "SeqRecord", feature: "SeqFeature") -> dict | BadRow:
        qualifiers = {name: values[0] for name, values in feature.qualifiers.items()}
        location = None if feature.location is None else str(feature.location)
        named = (
            qualifiers.get("protein_id") or qualifiers.get("locus_tag") or qualifiers.get("gene")
        )
        id = named or f"{record.id}:{location}"
        if "pseudo" in qualifiers or "pseudogene" in qualifiers:
            return BadRow("a pseudogene", None, _NO_CODON, id=id, stops=False)
        letters = self._letters(record, feature, id)
        if isinstance(letters, BadRow):
            return letters
        start = qualifiers.get("codon_start", "1")
        if start not in ("1", "2", "3"):
            return BadRow("codon_start is {}, not 1, 2 or 3", start, "correct it", id=id)
        partial = _partial(feature)
        self.noted["coding sequences are partial"] += partial != "no"
        note_table(self.noted, qualifiers.get("transl_table"))
        row = {name: qualifiers.get(name) for name in QUALIFIERS}
        organism = record.annotations.get("organism")
        row |= {"record": record.id, "organism": organism, "location": location}
        return row | {"id": id, "partial": partial, "sequence": letters[int(start) - 1 :] or None}

    def _letters(self, record: "SeqRecord", feature: "SeqFeature", id: str) -> str | BadRow:
        """The letters of a CDS, spliced and on its own strand."""
        from Bio.Seq import UndefinedSequenceError

        location = feature.location
        if location is None:
            return BadRow("a location that cannot be read", None, "correct it", id=id)
        others = next((part.ref for part in location.parts if part.ref), None)
        if others is not None:
            return BadRow("a part lies in another record, {}", others, "give both in one", id=id)
        if getattr(location, "operator", "join") == "order":
            return BadRow(
                "order(...) does not say that its parts are joined", None, "leave it out", id=id
            )
        try:
            size = len(record.seq)
            _ = str(record.seq[:1])
        except UndefinedSequenceError:
            size = 0
        if not size:
            fix = "fetch it with its sequence (GenBank (full), or gbwithparts)"
            return BadRow("its record {} has no sequence", record.id, fix, id=id)
        if record.annotations.get("molecule_type") == "protein":
            fix = "fetch the record of its nucleotides"
            return BadRow("its record {} is a protein", record.id, fix, id=id)
        if not 0 <= int(location.start) < int(location.end) <= size:
            where = f"{location} of {size:,} nt"
            return BadRow("its location is outside of its record: {}", where, "correct it", id=id)
        return str(feature.extract(record.seq))


def note_table(noted: Counter[str], table: str | None) -> None:
    """Count a CDS with a genetic code other than the standard one."""
    if table not in (None, "1"):
        noted[f"coding sequences have transl_table {table}"] += 1


def _partial(feature: "SeqFeature") -> str:
    """Which end of a CDS lies outside its record: "5'", "3'", "both" or "no"."""
    from Bio.SeqFeature import AfterPosition, BeforePosition

    open_start = isinstance(feature.location.start, BeforePosition)
    open_end = isinstance(feature.location.end, AfterPosition)
    if feature.location.strand == -1:
        open_start, open_end = open_end, open_start
    return {(True, True): "both", (True, False): "5'", (False, True): "3'"}.get(
        (open_start, open_end), "no"
    )


class _Lines:
    """The lines of a file as Biopython reads them, and where its CDSs began."""

    def __init__(self, path: Path, form: str):
        self.number = 0
        self.starts: list[int] = []
        self._begins = _CDS[form]
        self._lines = text.lines(path, form)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def __next__(self) -> str:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def read(self, size: int) -> str:
        """An empty text, by which Biopython sees that the file is open in text mode."""
        return ""

    def readline(self) -> str:
        line = next(self._lines, "")
        self.number += bool(line)
        if line.startswith(self._begins):
            self.starts.append(self.number)
        return line
