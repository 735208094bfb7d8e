"""What a file is when it is not what its name says: told by its first bytes, with what to do."""

from pathlib import Path

HEAD = 4096  # bytes that are looked at
FASTA = (".fasta", ".fna", ".fa", ".ffn")

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
_NO_FASTA = {
    "locus ": "GenBank; convert it to FASTA, where a record begins with a line '>name'",
    "id   ": "EMBL; convert it to FASTA, where a record begins with a line '>name'",
    "@": "FASTQ or SAM; convert it to FASTA, where a record begins with a line '>name'",
    "##gff": "GFF, which has no sequences; give FASTA",
    "##fileformat=vcf": "VCF, which has no sequences; give the window of each variant",
    "#nexus": "NEXUS; convert it to FASTA, where a record begins with a line '>name'",
    "clustal": "a Clustal alignment; convert it to FASTA",
    "# stockholm": "a Stockholm alignment; convert it to FASTA",
}


def misnamed(path: Path, compressed: bool) -> str | None:
    """What the file is and what to do about it, if its first bytes say that it has no gzip though
    its name says so, or the other way round, or that it is no such text."""
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    if compressed:
        return None if head.startswith(_GZIP) else "not gzip-compressed; take .gz off its name"
    return next((said for start, said in _BINARY.items() if head.startswith(start)), None)


def strange_text(head: bytes, form: str) -> str | None:
    """What a text is and what to do about it, if its first bytes say that it is none of `form`."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide or head.count(b"\0") > len(head) // 4:
        return "UTF-16; convert it: iconv -f UTF-16 -t UTF-8"
    body = head.removeprefix(b"\xef\xbb\xbf")
    text = body.decode("latin-1").lstrip().lower()
    known = _TEXT | (_NO_FASTA if form in FASTA else {})
    said = next((said for start, said in known.items() if text.startswith(start)), None)
    if said:
        return said
    if form not in FASTA and text.startswith(">"):
        return "FASTA; let its name end in .fasta"
    if b"\r" in body.rstrip(b"\r") and b"\n" not in body:
        return r"text whose lines end in CR alone; convert it: tr '\r' '\n'"
    return None
