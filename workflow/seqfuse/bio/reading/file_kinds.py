"""The format of a file, by its name (.txt: by its content), and advice if the two disagree."""

import gzip
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from seqfuse.errors import UserError

HEAD = 4096  # bytes read to recognise a file
GZIPPED = (".gz", ".bgz")
# Suffix -> form; all but .parquet may be followed by .gz or .bgz.
FORMS = {
    **{".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".jsonl": "jsonl"},
    **dict.fromkeys((".fasta", ".fna", ".fa", ".fas", ".ffn"), "fasta"),
    **dict.fromkeys((".gb", ".gbk", ".gbff", ".genbank"), "genbank"),
    **dict.fromkeys((".gff3", ".gff"), "gff3"),
    **{".embl": "embl", ".vcf": "vcf", ".txt": "txt"},
}

# What a user may try, and what to do instead.
_UNREAD_SUFFIXES = {
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
# Beginning of a text -> its form, the form's name in messages, and the suffix its file should have.
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
# An attribute as GTF, but not GFF3, writes it.
_GTF = re.compile(r'\tgene_id "')
_COMMENT = re.compile(r"(?:[;#][^\n]*\n|\s+)*")


def is_gzipped(path: Path) -> bool:
    """Whether a file's name says that it is gzip-compressed."""
    return path.name.lower().endswith(GZIPPED)


def suffix_form(name: str) -> str | None:
    """The form in a file's suffix, ignoring .gz; None if the suffix is unknown."""
    return _of_suffix(name, FORMS)


def _of_suffix(name: str, known: Mapping[str, str]) -> str | None:
    """What is known of a name's suffix, ignoring .gz."""
    bare = name.lower()
    for ending in GZIPPED:
        bare = bare.removesuffix(ending)
    return next((what for ending, what in known.items() if bare.endswith(ending)), None)


def form(path: Path) -> str:
    """The form of an existing file; raises `UserError` if it cannot be read or contradicts its
    name."""
    by_name = suffix_form(path.name)
    if by_name is None:
        advice = _of_suffix(path.name, _UNREAD_SUFFIXES)
        hint = f" ({advice})" if advice else ""
        known = f"{', '.join(FORMS)} (and .gz, .bgz)"
        raise UserError(f"{path}: unknown suffix{hint}; known: {known}")
    if by_name == "parquet" and is_gzipped(path):
        raise UserError(f"{path}: Parquet compresses by itself; decompress it: gunzip")
    wrong = None if by_name == "parquet" else _misnamed(path)
    if wrong:
        raise UserError(f"{path}: this is {wrong}")
    return _by_content(path) if by_name == "txt" else by_name


def strange_text(head: bytes, form: str) -> str | None:
    """What a text is and how to fix it, if its first bytes show that it is not of `form`."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide or head.count(b"\0") > len(head) // 4:
        return "UTF-16; convert it: iconv -f UTF-16 -t UTF-8"
    body = head.removeprefix(b"\xef\xbb\xbf")
    text = body.decode("latin-1").lstrip().lower()
    known = _TEXT | (_NO_READER if form not in ("csv", "tsv") else {"bcf\2": _BCF})
    advice = next((advice for start, advice in known.items() if text.startswith(start)), None)
    if advice:
        return advice
    begins = next((kind for start, kind in _BEGINS.items() if text.startswith(start)), None)
    if begins and begins[0] != form and not (form in ("csv", "tsv") and begins[0] in _TABLES):
        return f"{begins[1]}; let its name end in {begins[2]}"
    if form == "gff3" and _GTF.search(text):
        return "GTF; convert it to GFF3: gffread in.gtf -o out.gff3"
    if b"\r" in body.rstrip(b"\r") and b"\n" not in body:
        return r"text whose lines end in CR alone; convert it: tr '\r' '\n'"
    return None


# A table may begin like these: its first column may be `ID` or `locus tag`.
_TABLES = ("genbank", "embl")


def _misnamed(path: Path) -> str | None:
    """What the file is and how to fix it, if it is gzipped and its name does not say so, or the
    other way round, or if it is a binary file of another kind."""
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    if is_gzipped(path):
        return None if head.startswith(_GZIP) else "not gzip-compressed; take .gz off its name"
    return next((advice for start, advice in _BINARY.items() if head.startswith(start)), None)


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
        f"{path}: neither a table nor FASTA, GenBank, EMBL, GFF3 or VCF by its content; give its"
        " name the suffix of its format, such as .csv"
    )
