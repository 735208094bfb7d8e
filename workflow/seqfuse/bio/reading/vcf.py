"""VCF: each alternative allele as two windows of the genome, the reference's and the variant's.

A window is so many nucleotides of the genome, half of them on either side of the allele, in the
form of KEGG's pairs: `window` 4000 gives 2,000 + REF + 2,000 and 2,000 + ALT + 2,000. Reads a line
at a time. REF is held to the genome; what is no sequence (symbolic alleles, breakends) is refused.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
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
_MOST_UNKNOWN = 0.5  # of a window: beyond it says nothing about the variant
_MANY = 20  # variants of which most have another REF: the file is refused


class Vcf:
    """A VCF and the genome that it speaks of; `strand` is +, - or the INFO field that says it."""

    def __init__(
        self, path: Path, genome: Path | None, window: int, strand: str, noted: Counter[str]
    ):
        self.path, self.window, self.strand, self.noted = path, window, strand, noted
        self._genome = genome
        self._info: dict[str, str] = {}  # key -> how many values it has
        self._contigs: dict[str, int] = {}
        self._misplaced = _Misplaced()

    def columns(self) -> list[str]:
        """The fixed columns of a VCF, its INFO fields, and what becomes of each allele."""
        next(self._body(), None)
        return ["id", "sequence", "variant", *FIXED, *self._info]

    def each(self, columns: Collection[str]) -> Iterator[tuple[int, dict | BadRow]]:
        """A row an alternative allele, each with the line of its variant; of the INFO fields those
        among `columns` alone, as some files have hundreds."""
        genome, self._misplaced = self._opened(), _Misplaced()
        wanted: list[str] | None = None
        for number, line in self._body():
            if wanted is None:
                wanted = [key for key in self._info if key in columns]
            for row in self._rows(line, wanted, genome):
                yield number, row
        self._misplaced.refuse_most(self.path)

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

    def _rows(self, line: str, wanted: list[str], genome: Genome) -> Iterator[dict | BadRow]:
        """The rows of a line; what is wrong with one knows where it stands."""
        cells = line.split("\t", len(FIXED) + 1)  # genotypes are not taken apart
        if len(cells) < len(FIXED):
            fix = "separate them by tabs"
            yield BadRow("{} columns, and a variant has at least 8", len(cells), fix)
            return
        said = dict(zip(FIXED, cells, strict=False))
        facts: dict[str, str | None] = {}
        try:
            if len(cells) > len(FIXED) and (wanted or self.strand not in STRANDS):
                facts = _facts(cells[len(FIXED)])
            site = self._site(said, facts, genome)
        except BadRow as fault:
            yield _placed(fault, said)
            return
        fixed = {name: _cell(cell) for name, cell in said.items()}
        alts = said["ALT"].split(",")
        for place, alt in enumerate(alts):
            said["ALT"] = fixed["ALT"] = alt
            try:
                sequence, variant = self._windows(site, alt)
            except BadRow as fault:
                yield _placed(fault, said.copy())
                continue
            row = {key: self._value(facts, key, place, len(alts)) for key in wanted}
            yield {**row, **fixed, "id": _called(said), "sequence": sequence, "variant": variant}

    def _site(self, said: dict[str, str], facts: dict[str, str | None], genome: Genome) -> "_Site":
        """REF as it lies in the genome."""
        position, ref = said["POS"], said["REF"].upper()
        if not position.isdecimal():
            raise BadRow("POS is {} and no position", position)
        if not _LETTERS.fullmatch(ref):
            raise BadRow("REF is {} and no nucleotides", said["REF"], "write the genome's letters")
        contig, start = genome.named(said["CHROM"]), int(position)
        if contig is None:
            fix = f"give the genome of this VCF; {genome.known()}"
            raise BadRow("no contig {} in the genome", said["CHROM"], fix)
        self._refuse_other_assembly(said["CHROM"], contig, genome)
        size = genome.length(contig)
        if not 1 <= start <= start + len(ref) - 1 <= size:
            where = f"{start:,} of {size:,}"
            raise BadRow("POS is outside of its contig: {}", where, _ASSEMBLY)
        left, right = self.window // 2, self.window - self.window // 2
        around = genome.fetch(contig, start - left, start + len(ref) - 1 + right)
        before, behind = min(left, start - 1), min(left, start - 1) + len(ref)
        self._misplaced.looked_up += 1
        if around[before:behind] != ref:
            there = around[before:behind]
            self._misplaced.add(ref, there, around[before + 1 : behind + 1])
            both = f"{ref[:12]} where the genome has {there[:12]}"
            raise BadRow("REF is not what the genome has: {}", both, self._misplaced)
        return _Site(around[:before], ref, around[behind:], self._reverse(facts))

    def _windows(self, site: "_Site", alt: str) -> tuple[str, str]:
        """The two sequences of an allele: with REF, with ALT."""
        _refuse_no_allele(site.ref, alt)
        unknown = site.before.count("N") + site.after.count("N")
        if unknown > _MOST_UNKNOWN * self.window:
            fix = "the genome is not known there; remove the row"
            raise BadRow("most of the window is N: {} nt", unknown, fix)
        if site.size < self.window:
            self.noted["windows end where their contig does"] += 1
        if unknown:
            self.noted["windows have an N"] += 1
        sequence, variant = (f"{site.before}{one}{site.after}" for one in (site.ref, alt.upper()))
        return (_turned(sequence), _turned(variant)) if site.reverse else (sequence, variant)

    def _refuse_other_assembly(self, contig: str, name: str, genome: Genome) -> None:
        said = self._contigs.pop(contig, None)
        if said is not None and said != genome.length(name):
            raise UserError(
                f"{self.path}: its header says that {contig} has {said:,} nt; in {genome.path} it"
                f" has {genome.length(name):,}: give the assembly that the VCF was called against"
            )

    def _reverse(self, info: dict[str, str | None]) -> bool:
        """Whether the windows are turned."""
        if self.strand in STRANDS:
            return STRANDS[self.strand]
        if self.strand not in self._info:
            raise UserError(
                f"{self.path}: strand is {quoted(self.strand)}, which is neither + nor - nor a"
                f" field of INFO{nearest(self.strand, self._info, most=60)}"
            )
        said = info.get(self.strand) or ""
        if said not in STRANDS:
            raise BadRow(f"{self.strand} is {{}} and no strand", said, "write + or -")
        return STRANDS[said]

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


@dataclass(frozen=True)
class _Site:
    """REF and what the window holds on either side of it, on the plus strand; whether the windows
    are `reverse`d."""

    before: str
    ref: str
    after: str
    reverse: bool

    @property
    def size(self) -> int:
        """Nucleotides beside REF."""
        return len(self.before) + len(self.after)


def _facts(cell: str) -> dict[str, str | None]:
    """The INFO fields of a line; of a flag None."""
    if cell == ".":
        return {}
    parts = (part.partition("=") for part in cell.split(";") if part)
    return {key: value if sign else None for key, sign, value in parts}


def _called(said: dict[str, str]) -> str:
    """The id of an allele: its place."""
    return f"{said['CHROM']}:{said['POS']}:{said['REF']}>{said['ALT']}"


def _placed(fault: BadRow, said: dict[str, str]) -> BadRow:
    fault.id, fault.cells = _called(said), said
    return fault


@dataclass
class _Misplaced:
    """The variants of a file whose REF is not what the genome has at POS: of how many it is the
    complement, or stands one behind POS. In another assembly either is true of some, by chance."""

    looked_up: int = 0
    rows: int = 0
    complement: int = 0
    behind: int = 0

    def add(self, ref: str, there: str, behind: str) -> None:
        """Count one, where the genome has `there` at POS and `behind` one further."""
        self.rows += 1
        self.complement += there == _turned(ref)
        self.behind += behind == ref

    def refuse_most(self, path: Path) -> None:
        """Stop where most are misplaced: the others agree with the genome by chance."""
        if self.rows >= _MANY and self.rows > self.looked_up / 2:
            rows = f"{self.rows:,} of {self.looked_up:,} variants"
            raise UserError(f"{path}: of {rows} REF is not what the genome has; {self}")

    def __str__(self) -> str:
        """What to do about all of them."""
        each = "it" if self.rows == 1 else "each"
        if self.complement == self.rows:
            strand = "a VCF has the letters of the plus strand; complement REF and ALT"
            return f"{each} is the complement of the genome: {strand}"
        if self.behind == self.rows:
            count = "POS counts from 1; add 1, unless this is another assembly"
            return f"{each} stands one behind POS in the genome: {count}"
        return _ASSEMBLY


def _refuse_no_allele(ref: str, alt: str) -> None:
    """Stop at an alternative allele that is no sequence."""
    if alt in (".", ""):
        raise BadRow("there is no ALT", None, "leave out sites that do not vary")
    if alt == "*":
        raise BadRow("ALT is {}, a deletion upstream", alt, "leave it out")
    if alt.startswith("<"):
        raise BadRow("ALT is {}, symbolic", alt, "write the allele's letters")
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        raise BadRow("ALT is {}, a breakend", alt, "it has no window; leave it out")
    if not _LETTERS.fullmatch(alt):
        raise BadRow("ALT is {} and no nucleotides", alt, "write A, C, G and T")
    if alt.upper() == ref:
        raise BadRow("ALT is REF: {}", alt, "leave out sites that do not vary")


def _turned(letters: str) -> str:
    from Bio.Seq import reverse_complement

    return reverse_complement(letters)


def _cell(text: str) -> str | None:
    return None if text in (".", "") else text
