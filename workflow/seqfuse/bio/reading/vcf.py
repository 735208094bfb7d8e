"""VCF: each alternative allele as two windows of the genome, the reference's and the variant's.

A window is so many nucleotides of the genome, half of them on either side of the allele, in the
form of KEGG's pairs: `window` 4000 gives 2,000 + REF + 2,000 and 2,000 + ALT + 2,000. Reads a line
at a time. REF is held to the genome; what is no sequence (symbolic alleles, breakends) is refused.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from seqfuse.bio.reading import text
from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.bio.reading.genome import Genome
from seqfuse.errors import UserError, nearest, quoted

WINDOW = 4000  # KEGG's
STRANDS = {"+": False, "1": False, "-": True, "-1": True}
FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER")
_LETTERS = re.compile("[ACGTN]+", re.IGNORECASE)
_DECLARED = re.compile(r"##INFO=<.*?\bID=([^,>]+),.*?\bNumber=([^,>]+)")
_CONTIG = re.compile(r"##contig=<.*?\bID=([^,>]+).*?\blength=(\d+)")
_ASSEMBLY = "give the assembly that the VCF was called against"
# Of a window: more unknown nucleotides than these say nothing about the variant.
_MOST_UNKNOWN = 0.5


class Vcf:
    """A VCF and the genome that it speaks of; `strand` is +, - or the INFO field that says it."""

    def __init__(
        self, path: Path, genome: Path | None, window: int, strand: str, noted: Counter[str]
    ):
        self.path, self.window, self.strand, self.noted = path, window, strand, noted
        self._genome = genome
        self._info: dict[str, str] = {}  # key -> how many values it has
        self._contigs: dict[str, int] = {}

    def columns(self) -> list[str]:
        """The fixed columns of a VCF, its INFO fields, and what becomes of each allele."""
        next(self._body(), None)
        return ["id", "sequence", "variant", *FIXED, *self._info]

    def each(self) -> Iterator[tuple[int, dict | BadRow]]:
        """A row an alternative allele, each with the line of its variant."""
        genome = self._opened()
        body = self._body()
        checked: set[str] = set()
        for number, line in body:
            yield from ((number, row) for row in self._rows(line, genome, checked, number))

    def _opened(self) -> Genome:
        if self._genome is None:
            raise UserError(
                f"{self.path}: a VCF has no sequences; name the genome that it was called against"
                " (genome: ref.fa in the dataset's entry, or --genome)"
            )
        return Genome(self._genome)

    def _body(self) -> Iterator[tuple[int, str]]:
        """The lines of variants, numbered; the header is read on the way."""
        header = False
        self._info.clear()
        for number, line in enumerate(text.lines(self.path, "vcf"), start=1):
            line = line.rstrip("\r\n")
            if line.startswith("##"):
                if declared := _DECLARED.match(line):
                    self._info[declared[1]] = declared[2]
                elif contig := _CONTIG.match(line):
                    self._contigs[contig[1]] = int(contig[2])
            elif line.startswith("#"):
                self._refuse_header(number, line)
                header = True
            elif line.strip():
                if not header:
                    raise UserError(
                        f"{self.path}: line {number}: a variant before the line of column names;"
                        " write #CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO above it, with tabs"
                    )
                yield number, line
        if not header:
            raise UserError(f"{self.path}: no line of column names (#CHROM ...); fetch it again")

    def _refuse_header(self, number: int, line: str) -> None:
        names = line[1:].split("\t")
        if tuple(names[:7]) != FIXED:
            tabs = "; there must be tabs between them" if "\t" not in line else ""
            raise UserError(
                f"{self.path}: line {number}: the columns are {quoted(line, 60)} and not #CHROM,"
                f" POS, ID, REF, ALT, QUAL, FILTER, INFO{tabs}"
            )

    def _rows(
        self, line: str, genome: Genome, checked: set[str], number: int
    ) -> Iterator[dict | BadRow]:
        cells = line.split("\t")
        if len(cells) < 7:
            yield BadRow(
                "{} columns, and a variant has at least 8", len(cells), "separate them by tabs"
            )
            return
        contig, position, name, ref, alts = cells[:5]
        id = f"{contig}:{position}:{ref}>{alts}"
        if not position.isdecimal():
            yield BadRow("POS is {} and no position", position, "correct it", id=id)
            return
        if not _LETTERS.fullmatch(ref):
            yield BadRow("REF is {} and no nucleotides", ref, "write the genome's letters", id=id)
            return
        found, start = genome.named(contig), int(position)
        if found is None:
            fix = f"give the genome of this VCF; {genome.known()}"
            yield BadRow("no contig {} in the genome", contig, fix, id=id)
            return
        if contig not in checked:
            self._refuse_other_assembly(contig, found, genome)
            checked.add(contig)
        if fault := self._misplaced(found, start, ref, genome, id):
            yield fault
            return
        info = self._facts(cells[7] if len(cells) > 7 else ".")
        reverse = self._reverse(info)
        if isinstance(reverse, str):
            yield BadRow(f"{self.strand} is {{}} and no strand", reverse, "write + or -", id=id)
            return
        fixed = dict(zip(FIXED, (_cell(cell) for cell in cells[:7]), strict=True))
        left, right = self.window // 2, self.window - self.window // 2
        before = genome.fetch(found, start - left, start - 1)
        end = start + len(ref) - 1
        after = genome.fetch(found, end + 1, end + right)
        cut = len(before) + len(after) < self.window
        unknown = before.count("N") + after.count("N")
        alleles = alts.split(",")
        for place, alt in enumerate(alleles):
            own = f"{contig}:{position}:{ref}>{alt}"
            if fault := self._no_allele(ref, alt, id=own):
                yield fault
                continue
            if unknown > _MOST_UNKNOWN * self.window:
                fix = "the genome is not known there; remove the row"
                yield BadRow("most of the window is N: {} nt", unknown, fix, id=own)
                continue
            self.noted["windows end where their contig does"] += cut
            self.noted["windows have an N"] += unknown > 0
            windows = [before + allele.upper() + after for allele in (ref, alt)]
            if reverse:
                windows = [_turned(window) for window in windows]
            row = {key: self._value(info, key, place, len(alleles)) for key in self._info}
            row |= fixed | {"ALT": alt, "id": own}
            yield row | dict(zip(("sequence", "variant"), windows, strict=True))

    def _refuse_other_assembly(self, contig: str, found: str, genome: Genome) -> None:
        said = self._contigs.get(contig)
        if said is not None and said != genome.length(found):
            raise UserError(
                f"{self.path}: its header says that {contig} has {said:,} nt; in {genome.path} it"
                f" has {genome.length(found):,}: give the assembly that the VCF was called against"
            )

    def _misplaced(
        self, contig: str, start: int, ref: str, genome: Genome, id: str
    ) -> BadRow | None:
        """Where REF is not what the genome has at POS."""
        end, size = start + len(ref) - 1, genome.length(contig)
        if not 1 <= start <= end <= size:
            where = f"{start:,} of {size:,}"
            return BadRow("POS is outside of its contig: {}", where, _ASSEMBLY, id=id)
        there = genome.fetch(contig, start, end)
        if there == ref.upper():
            return None
        both = f"{ref[:12]} where the genome has {there[:12]}"
        if there == _turned(ref.upper()):
            fix = "a VCF has the letters of the plus strand; complement REF and ALT"
            return BadRow("REF is the complement of the genome: {}", both, fix, id=id)
        if genome.fetch(contig, start + 1, end + 1) == ref.upper():
            fix = "POS counts from 1; add 1, unless this is another assembly"
            return BadRow("REF stands one behind POS in the genome: {}", both, fix, id=id)
        return BadRow("REF is not what the genome has: {}", both, _ASSEMBLY, id=id)

    def _no_allele(self, ref: str, alt: str, id: str) -> BadRow | None:
        """Why an alternative allele is no sequence."""
        if alt in (".", ""):
            return BadRow("there is no ALT", None, "leave out sites that do not vary", id=id)
        if alt == "*":
            return BadRow("ALT is {}, a deletion upstream", alt, "leave it out", id=id)
        if alt.startswith("<"):
            return BadRow("ALT is {}, symbolic", alt, "write the allele's letters", id=id)
        if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
            return BadRow("ALT is {}, a breakend", alt, "it has no window; leave it out", id=id)
        if not _LETTERS.fullmatch(alt):
            return BadRow("ALT is {} and no nucleotides", alt, "write A, C, G and T", id=id)
        if alt.upper() == ref.upper():
            return BadRow("ALT is REF: {}", alt, "leave out sites that do not vary", id=id)
        return None

    def _facts(self, cell: str) -> dict[str, str | None]:
        """The INFO fields of a line; of a flag None."""
        if cell == ".":
            return {}
        parts = (part.partition("=") for part in cell.split(";") if part)
        return {key: value if sign else None for key, sign, value in parts}

    def _reverse(self, info: dict[str, str | None]) -> bool | str:
        """Whether the windows are turned; what the strand's field holds, if that is no strand."""
        if self.strand in STRANDS:
            return STRANDS[self.strand]
        if self.strand not in self._info:
            raise UserError(
                f"{self.path}: strand is {quoted(self.strand)}, which is neither + nor - nor a"
                f" field of INFO{nearest(self.strand, self._info, most=60)}"
            )
        said = info.get(self.strand) or ""
        return STRANDS.get(said, said)

    def _value(self, info: dict[str, str | None], key: str, place: int, alleles: int) -> str | None:
        """An INFO field of one allele: its own value where there is one an allele."""
        if key not in info:
            return None
        value = info[key]
        if value is None:
            return "yes"
        values = value.split(",")
        own = {"A": place, "R": place + 1}.get(self._info[key])
        if own is not None and len(values) == alleles + (self._info[key] == "R"):
            value = values[own]
        return _cell(unquote(value))


def _turned(letters: str) -> str:
    from Bio.Seq import reverse_complement

    return reverse_complement(letters)


def _cell(text: str) -> str | None:
    return None if text in (".", "") else text
