"""VCF: each alternate allele as two windows of the genome, with the reference and with the variant.

Half of the window lies on either side of the allele, as in KEGG's pairs: `window` 4000 gives
2,000 + REF + 2,000 and 2,000 + ALT + 2,000. Reads a line at a time. REF must match the genome;
alleles that are not sequences (symbolic alleles, breakends) are refused.
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
_MOST_UNKNOWN = 0.5  # the share of N above which a window says nothing about its variant
_MANY = 20  # from so many variants on, a file is refused if most have a wrong REF


class Vcf:
    """A VCF and its genome; `strand` is +, - or the INFO field that holds it."""

    def __init__(
        self, path: Path, genome: Path | None, window: int, strand: str, noted: Counter[str]
    ):
        self.path, self.window, self.strand, self.noted = path, window, strand, noted
        self._genome = genome
        self._info: dict[str, str] = {}  # key -> its Number in the header
        self._contigs: dict[str, int] = {}
        self._misplaced = _Misplaced()

    def columns(self) -> list[str]:
        """The id and the two sequences of an allele, the VCF's fixed columns and INFO fields."""
        next(self._body(), None)
        return ["id", "sequence", "variant", *FIXED, *self._info]

    def each(self, columns: Collection[str]) -> Iterator[tuple[int, dict | BadRow]]:
        """One row for each alternate allele, with the line of its variant. Only the INFO fields in
        `columns` are read, because some files have hundreds."""
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
                f"{self.path}: a VCF has no sequences; name the genome it was called against"
                " (genome: ref.fa in the dataset's entry, or --genome)"
            )
        return Genome(self._genome)

    def _body(self) -> Iterator[tuple[int, str]]:
        """The numbered lines of variants; reads the header on the way."""
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
            tabs = "; separate them by tabs" if "\t" not in line else ""
            raise UserError(
                f"{self.path}: line {number}: the columns are {quoted(line, 60)}, not #CHROM, POS,"
                f" ID, REF, ALT, QUAL, FILTER, INFO{tabs}"
            )

    def _rows(self, line: str, wanted: list[str], genome: Genome) -> Iterator[dict | BadRow]:
        """The rows of a line; a `BadRow` carries the id and the cells of its allele."""
        cells = line.split("\t", len(FIXED) + 1)  # genotypes are not taken apart
        if len(cells) < len(FIXED):
            fix = "separate them by tabs"
            yield BadRow("{} columns instead of at least 8", len(cells), fix)
            return
        named = dict(zip(FIXED, cells, strict=False))
        facts: dict[str, str | None] = {}
        try:
            if len(cells) > len(FIXED) and (wanted or self.strand not in STRANDS):
                facts = _facts(cells[len(FIXED)])
            site = self._site(named, facts, genome)
        except BadRow as fault:
            yield _placed(fault, named)
            return
        fixed = {name: _cell(cell) for name, cell in named.items()}
        alts = named["ALT"].split(",")
        for place, alt in enumerate(alts):
            named["ALT"] = fixed["ALT"] = alt
            try:
                sequence, variant = self._windows(site, alt)
            except BadRow as fault:
                yield _placed(fault, named.copy())
                continue
            row = {key: self._value(facts, key, place, len(alts)) for key in wanted}
            yield {**row, **fixed, "id": _called(named), "sequence": sequence, "variant": variant}

    def _site(self, named: dict[str, str], facts: dict[str, str | None], genome: Genome) -> "_Site":
        """REF and its surroundings in the genome; raises `BadRow` if REF is not there."""
        position, ref = named["POS"], named["REF"].upper()
        if not position.isdecimal():
            raise BadRow("POS is {}, not a position", position)
        if not _LETTERS.fullmatch(ref):
            raise BadRow("REF is {}, not nucleotides", named["REF"], "write the genome's letters")
        contig, start = genome.named(named["CHROM"]), int(position)
        if contig is None:
            fix = f"give the genome of this VCF; {genome.known()}"
            raise BadRow("no contig {} in the genome", named["CHROM"], fix)
        self._refuse_other_assembly(named["CHROM"], contig, genome)
        size = genome.length(contig)
        if not 1 <= start <= start + len(ref) - 1 <= size:
            where = f"{start:,} of {size:,}"
            raise BadRow("POS is outside of its contig: {}", where, _ASSEMBLY)
        left, right = self.window // 2, self.window - self.window // 2
        around = genome.fetch(contig, start - left, start + len(ref) - 1 + right)
        begin, end = min(left, start - 1), min(left, start - 1) + len(ref)
        self._misplaced.looked_up += 1
        if around[begin:end] != ref:
            there = around[begin:end]
            self._misplaced.add(ref, there, around[begin + 1 : end + 1])
            difference = f"{ref[:12]} where the genome has {there[:12]}"
            raise BadRow("REF differs from the genome: {}", difference, self._misplaced)
        return _Site(around[:begin], ref, around[end:], self._reverse(facts))

    def _windows(self, site: "_Site", alt: str) -> tuple[str, str]:
        """The two sequences of an allele: with REF and with ALT."""
        _refuse_no_allele(site.ref, alt)
        unknown = site.before.count("N") + site.after.count("N")
        if unknown > _MOST_UNKNOWN * self.window:
            fix = "the genome is unknown there; remove the row"
            raise BadRow("most of the window is N: {} nt", unknown, fix)
        if site.size < self.window:
            self.noted["windows end where their contig does"] += 1
        if unknown:
            self.noted["windows have an N"] += 1
        sequence, variant = (f"{site.before}{one}{site.after}" for one in (site.ref, alt.upper()))
        if site.reverse:
            return _reverse_complement(sequence), _reverse_complement(variant)
        return sequence, variant

    def _refuse_other_assembly(self, contig: str, name: str, genome: Genome) -> None:
        declared = self._contigs.pop(contig, None)
        if declared is not None and declared != genome.length(name):
            raise UserError(
                f"{self.path}: the header says that {contig} has {declared:,} nt, but in"
                f" {genome.path} it has {genome.length(name):,}; {_ASSEMBLY}"
            )

    def _reverse(self, info: dict[str, str | None]) -> bool:
        """Whether the windows are on the reverse strand."""
        if self.strand in STRANDS:
            return STRANDS[self.strand]
        if self.strand not in self._info:
            raise UserError(
                f"{self.path}: strand is {quoted(self.strand)}, which is not +, - or an INFO"
                f" field{nearest(self.strand, self._info, most=60)}"
            )
        strand = info.get(self.strand) or ""
        if strand not in STRANDS:
            raise BadRow(f"{self.strand} is {{}}, not a strand", strand, "write + or -")
        return STRANDS[strand]

    def _value(self, info: dict[str, str | None], key: str, place: int, alleles: int) -> str | None:
        """An INFO field of one allele: the allele's own value if each allele has one."""
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
    """REF and the rest of the window on either side of it, on the plus strand; `reverse` says
    whether the windows are to be reverse-complemented."""

    before: str
    ref: str
    after: str
    reverse: bool

    @property
    def size(self) -> int:
        """The number of nucleotides besides REF."""
        return len(self.before) + len(self.after)


def _facts(cell: str) -> dict[str, str | None]:
    """The INFO fields of a line; None for a flag."""
    if cell == ".":
        return {}
    parts = (part.partition("=") for part in cell.split(";") if part)
    return {key: value if sign else None for key, sign, value in parts}


def _called(named: dict[str, str]) -> str:
    """The id of an allele: contig, position and letters."""
    return f"{named['CHROM']}:{named['POS']}:{named['REF']}>{named['ALT']}"


def _placed(fault: BadRow, named: dict[str, str]) -> BadRow:
    fault.id, fault.cells = _called(named), named
    return fault


@dataclass
class _Misplaced:
    """Counts of the variants whose REF differs from the genome at POS, and of those among them
    whose REF is the complement there, or lies one position further. In another assembly either
    holds for some variants by chance."""

    looked_up: int = 0
    rows: int = 0
    complement: int = 0
    one_further: int = 0

    def add(self, ref: str, there: str, further: str) -> None:
        """Count a variant; the genome has `there` at POS and `further` one position further."""
        self.rows += 1
        self.complement += there == _reverse_complement(ref)
        self.one_further += further == ref

    def refuse_most(self, path: Path) -> None:
        """Raise `UserError` if most variants are misplaced; the others match only by chance."""
        if self.rows >= _MANY and self.rows > self.looked_up / 2:
            rows = f"{self.rows:,} of {self.looked_up:,} variants"
            raise UserError(f"{path}: REF differs from the genome in {rows}; {self}")

    def __str__(self) -> str:
        """What to do about all of them."""
        each = "it" if self.rows == 1 else "each"
        if self.complement == self.rows:
            strand = "a VCF has the letters of the plus strand; complement REF and ALT"
            return f"{each} is the complement of the genome: {strand}"
        if self.one_further == self.rows:
            count = "POS counts from 1; add 1, unless this is another assembly"
            return f"{each} lies one position after POS in the genome: {count}"
        return _ASSEMBLY


def _refuse_no_allele(ref: str, alt: str) -> None:
    """Raise `BadRow` if the alternate allele is not a sequence, or equals `ref`."""
    if alt in (".", ""):
        raise BadRow("there is no ALT", None, "leave out sites that do not vary")
    if alt == "*":
        raise BadRow("ALT is {}, a deletion upstream", alt, "leave it out")
    if alt.startswith("<"):
        raise BadRow("ALT is {}, symbolic", alt, "write the allele's letters")
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        raise BadRow("ALT is {}, a breakend", alt, "it has no window; leave it out")
    if not _LETTERS.fullmatch(alt):
        raise BadRow("ALT is {}, not nucleotides", alt, "write A, C, G and T")
    if alt.upper() == ref:
        raise BadRow("ALT is REF: {}", alt, "leave out sites that do not vary")


def _reverse_complement(letters: str) -> str:
    from Bio.Seq import reverse_complement

    return reverse_complement(letters)


def _cell(text: str) -> str | None:
    return None if text in (".", "") else text
