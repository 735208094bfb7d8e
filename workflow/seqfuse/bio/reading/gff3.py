"""GFF3 with its genome: each coding sequence (CDS), spliced and on its own strand.

The CDSs of a contig stay in memory until the next contig or `###`; the genome is never loaded.
"""

import shlex
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from seqfuse.bio.reading import text
from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.bio.reading.features import note_table
from seqfuse.bio.reading.genome import Genome
from seqfuse.errors import UserError

# Attributes that are columns; `transcript` is the CDS's Parent.
ATTRIBUTES = ("gene", "locus_tag", "product", "protein_id", "transl_table")
COLUMNS = ("id", "sequence", "transcript", *ATTRIBUTES, "partial", "record", "location")


@dataclass
class _Cds:
    """The parts of one CDS, {(start, end): phase}, and the attributes of its first part."""

    contig: str
    strand: str
    attributes: dict[str, str]
    parts: dict[tuple[int, int], str] = field(default_factory=dict)


class Gff3:
    """The coding sequences of an annotation."""

    def __init__(self, path: Path, genome: Path | None, noted: Counter[str]):
        self.path, self.noted = path, noted
        self._genome = genome

    def columns(self) -> list[str]:
        """The columns, the same for every file; a CDS has None where it lacks a value."""
        return [*COLUMNS]

    def each(self, columns: Collection[str]) -> Iterator[tuple[int, dict | BadRow]]:
        """One row for each CDS, with the line of its first part; always all columns."""
        if self._genome is None:
            raise UserError(
                f"{self.path}: GFF3 gives only the positions of coding sequences; name their genome"
                f" (genome: ref.fa in the dataset's entry, or --genome){self._own_genome()}"
            )
        genome, seen, line = Genome(self._genome), set(), 0
        for contig, held, parents in self._contigs():
            for id, (line, cds) in held.items():
                if isinstance(cds, BadRow):
                    yield line, cds
                elif (contig, id) in seen:
                    fix = "sort the file, so that the parts of a CDS follow each other"
                    yield line, BadRow("the parts of this CDS are scattered", None, fix, id=id)
                else:
                    seen.add((contig, id))
                    yield line, self._row(id, cds, parents, genome)
        if not line:
            raise UserError(f"{self.path}: no CDS; give an annotation that has some")

    def _own_genome(self) -> str:
        """The command that extracts the genome from a file that ends with it, as Prokka's do."""
        if not any(line.startswith("##FASTA") for line in text.lines(self.path, "gff3")):
            return ""
        compressed = self.path.suffix.lower() in (".gz", ".bgz")
        shown = f"{'zcat' if compressed else 'cat'} {shlex.quote(str(self.path))}"
        return f"; it follows ##FASTA: {shown} | sed '1,/^##FASTA/d' > ref.fa"

    def _contigs(self) -> Iterator[tuple[str, dict, dict]]:
        """For each contig: (its name, {CDS: (line, parts or fault)}, {feature: attributes})."""
        contig, held, parents = None, {}, {}
        for number, line in enumerate(text.lines(self.path, "gff3"), start=1):
            line = line.rstrip("\r\n")
            if line.startswith(("##FASTA", ">")):
                break
            cells = line.split("\t")
            if line.startswith("###") or (line[:1] not in ("#", "") and cells[0] != contig):
                if held:
                    yield contig, held, parents
                contig, held, parents = cells[0], {}, {}
            if not line.strip() or line.startswith("#"):
                continue
            if len(cells) != 9:
                fault = BadRow("{} columns instead of 9", len(cells), "separate them by tabs")
                held[f"line {number}"] = (number, fault)
                continue
            self._hold(number, cells, held, parents)
        if held:
            yield contig, held, parents

    def _hold(self, number: int, cells: list[str], held: dict, parents: dict) -> None:
        contig, _, kind, start, end, _, strand, phase, last_cell = cells
        attributes = _attributes(last_cell)
        if kind != "CDS":
            if "ID" in attributes:
                parents[attributes["ID"]] = attributes
            return
        id = attributes.get("ID") or attributes.get("Parent")
        fault = _fault(id, start, end, strand, phase)
        if fault:
            held[f"line {number}"] = (number, fault)
            return
        line, cds = held.setdefault(id, (number, _Cds(contig, strand, attributes)))
        if isinstance(cds, _Cds):
            cds.parts[int(start), int(end)] = phase
            if cds.strand != strand:
                fix = "parts on both strands cannot be joined; leave it out"
                held[id] = (line, BadRow("its parts lie on both strands", None, fix, id=id))

    def _row(self, id: str, cds: _Cds, parents: dict, genome: Genome) -> dict | BadRow:
        from Bio.Seq import reverse_complement

        contig = genome.named(cds.contig)
        if contig is None:
            fix = f"give the genome of this annotation; {genome.known()}"
            return BadRow("no contig {} in the genome", cds.contig, fix, id=id)
        parts = sorted(cds.parts)
        location = ",".join(f"{start}..{end}" for start, end in parts)
        if any(start <= before for (_, before), (start, _) in zip(parts, parts[1:], strict=False)):
            fix = "give each CDS an ID of its own"
            return BadRow("its parts overlap: {}", location, fix, id=id)
        if parts[-1][1] > genome.length(contig):
            where = f"{parts[-1][1]:,} of {genome.length(contig):,}"
            fix = "give the genome of this annotation"
            return BadRow("it ends outside of its contig: {}", where, fix, id=id)
        if {"pseudo", "pseudogene"} & cds.attributes.keys():
            return BadRow("a pseudogene", None, "it codes for no whole protein", id=id, stops=False)
        letters = "".join(genome.fetch(contig, start, end) for start, end in parts)
        first = parts[0]
        if cds.strand == "-":
            letters, first = reverse_complement(letters), parts[-1]
        phase = int(cds.parts[first])
        partial = "yes" if cds.attributes.get("partial") == "true" else "no"
        self.noted["coding sequences are partial"] += partial != "no"
        note_table(self.noted, cds.attributes.get("transl_table"))
        transcript = cds.attributes.get("Parent")
        row = {name: cds.attributes.get(name) for name in ATTRIBUTES}
        above = parents.get(transcript, {})
        row["gene"] = row["gene"] or above.get("gene") or above.get("Parent")
        row |= {"transcript": transcript, "partial": partial, "record": cds.contig}
        row |= {"location": f"{location} ({cds.strand})", "id": id}
        return row | {"sequence": letters[phase:] or None}


def _fault(id: str | None, start: str, end: str, strand: str, phase: str) -> BadRow | None:
    """What is wrong with the line of a CDS, if anything."""
    if id is None:
        return BadRow("a CDS without ID and Parent", None, "give all its parts the same ID=...")
    if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
        return BadRow("start..end is {}", f"{start}..{end}", "count from 1, start <= end", id=id)
    if strand not in ("+", "-"):
        return BadRow("the strand is {}", strand, "write + or -", id=id)
    if phase not in ("0", "1", "2"):
        return BadRow("the phase is {}", phase, "a CDS has phase 0, 1 or 2", id=id)
    return None


def _attributes(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {key: unquote(value) for key, sign, value in pairs if sign}
