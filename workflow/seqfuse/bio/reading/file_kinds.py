"""What a file is: by its name, of .txt by its content, and what to do where the two disagree."""

import gzip
import re
import zlib
from pathlib import Path

from seqfuse.errors import UserError

HEAD = 4096  # bytes that are looked at
GZIPPED = (".gz", ".bgz")
# Suffix -> form; any of them but .parquet may be followed by .gz or .bgz.
FORMS = {
    **{".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".jsonl": "jsonl"},
    **dict.fromkeys((".fasta", ".fna", ".fa", ".fas", ".ffn"), "fasta"),
    **dict.fromkeys((".gb", ".gbk", ".gbff", ".genbank"), "genbank"),
    **dict.fromkeys((".gff3", ".gff"), "gff3"),
    **{".embl": "embl", ".vcf": "vcf", ".txt": "txt"},
}

# What a user may try, and what to do instead.
_NO_SUFFIX = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "a spreadsheet: save the table as .csv"),
    **dict.fromkeys((".faa", ".pep"), "proteins: give their coding DNA"),
    **dict.fromkeys((".fastq", ".fq"), "reads: convert them to FASTA"),
}

# What separates the cells of a table, by its form.
DELIMITERS = {"csv": ",", "tsv": "\t"}

_GZIP = b"\x1f\x8b"
_BINARY = {
    _GZIP: "gzip-compressed; let its name end in .gz",
    b"PK\x03\x04": "a zip archive or an Excel file; save the table as .csv",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save the table as .csv",
    b"BZh": "bzip2-compressed; decompress it: bunzip2",
    b"\xfd7zXZ": "xz-compressed; decompress it: unxz",
    b"\x28\xb5\x2f\xfd": "zstd-compressed; decompress it: unzstd",
    b"PAR1": "a Parquet file; let its name end in .parquet",
    b"%PDF": "a PDF; give the data themselves",
}
_TEXT = {
    "<!doctype html": "a web page; download the file itself",
    "<html": "a web page; download the file itself",
    "version https://git-lfs": "a pointer of Git LFS; fetch the file itself: git lfs pull",
}
_BCF = "BCF; write it as VCF: bcftools view"
# How a text begins -> its form, what to call it, and how its name should end.
_BEGINS = {
    ">": ("fasta", "FASTA", ".fasta"),
    "locus ": ("genbank", "GenBank", ".gb"),
    "id   ": ("embl", "EMBL", ".embl"),
    "##gff-version": ("gff3", "GFF3", ".gff3"),
    "##fileformat=vcf": ("vcf", "VCF", ".vcf"),
}
_NO_READER = {
    "bcf\2": _BCF,
    "@": "FASTQ or SAM; convert it to FASTA, where a record begins with a line '>name'",
    "#nexus": "NEXUS; convert it to FASTA, where a record begins with a line '>name'",
    "clustal": "a Clustal alignment; convert it to FASTA",
    "# stockholm": "a Stockholm alignment; convert it to FASTA",
}
# An attribute as GTF writes it, and not GFF3.
_GTF = re.compile(r'\tgene_id "')
_COMMENT = re.compile(r"(?:[;#][^\n]*\n|\s+)*")


def is_gzipped(path: Path) -> bool:
    """Whether its name says so."""
    return path.name.lower().endswith(GZIPPED)


def suffix_form(name: str) -> str | None:
    """The form that a file's name says, without .gz; None where it says none."""
    bare = name.lower()
    for ending in GZIPPED:
        bare = bare.removesuffix(ending)
    return next((form for ending, form in FORMS.items() if bare.endswith(ending)), None)


def form(path: Path) -> str:
    """The form of a file that is there and not empty; a `UserError` where it is none of ours."""
    said = suffix_form(path.name)
    if said is None:
        hint = next((fix for end, fix in _NO_SUFFIX.items() if path.name.lower().endswith(end)), "")
        hint = f" ({hint})" if hint else ""
        known = f"{', '.join(FORMS)} (and .gz, .bgz)"
        raise UserError(f"{path}: unknown suffix{hint}; known: {known}")
    if said == "parquet" and is_gzipped(path):
        raise UserError(f"{path}: Parquet compresses by itself; decompress it: gunzip")
    wrong = None if said == "parquet" else _misnamed(path)
    if wrong:
        raise UserError(f"{path}: this is {wrong}")
    return _by_content(path) if said == "txt" else said


def strange_text(head: bytes, form: str) -> str | None:
    """What a text is and what to do about it, if its first bytes say that it is none of `form`."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide or head.count(b"\0") > len(head) // 4:
        return "UTF-16; convert it: iconv -f UTF-16 -t UTF-8"
    body = head.removeprefix(b"\xef\xbb\xbf")
    text = body.decode("latin-1").lstrip().lower()
    known = _TEXT | (_NO_READER if form not in ("csv", "tsv") else {"bcf\2": _BCF})
    said = next((said for start, said in known.items() if text.startswith(start)), None)
    if said:
        return said
    begins = next((found for start, found in _BEGINS.items() if text.startswith(start)), None)
    if begins and begins[0] != form and not (form in ("csv", "tsv") and begins[0] in _TABLES):
        return f"{begins[1]}; let its name end in {begins[2]}"
    if form == "gff3" and _GTF.search(text):
        return "GTF; convert it to GFF3: gffread in.gtf -o out.gff3"
    if b"\r" in body.rstrip(b"\r") and b"\n" not in body:
        return r"text whose lines end in CR alone; convert it: tr '\r' '\n'"
    return None


# What a table may begin like: a column called `ID` or `locus tag`.
_TABLES = ("genbank", "embl")


def _misnamed(path: Path) -> str | None:
    """What the file is and what to do about it, if its first bytes say that it has no gzip though
    its name says so, or the other way round, or that it is no such text."""
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    if is_gzipped(path):
        return None if head.startswith(_GZIP) else "not gzip-compressed; take .gz off its name"
    return next((said for start, said in _BINARY.items() if head.startswith(start)), None)


def _by_content(path: Path) -> str:
    opened = gzip.open if is_gzipped(path) else open
    try:
        with opened(path, "rb") as handle:
            head = handle.read(HEAD)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: cut or broken gzip ({error}); fetch it again") from None
    text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lower()
    for start, (kind, _, _) in _BEGINS.items():
        if text.lstrip().startswith(start) and not (kind in _TABLES and "\t" in text[:80]):
            return kind
    text = text[_COMMENT.match(text).end() :]
    line = text.partition("\n")[0]
    if text.startswith(">"):
        return "fasta"
    if text.startswith("{"):
        return "jsonl"
    if "\t" in line or "," in line:
        return "tsv" if "\t" in line else "csv"
    if strange := strange_text(head, "fasta"):
        raise UserError(f"{path}: this is {strange}")
    raise UserError(
        f"{path}: neither a table nor FASTA, GenBank, EMBL, GFF3 or VCF by its content; let its"
        " name end in what it is, such as .csv"
    )
