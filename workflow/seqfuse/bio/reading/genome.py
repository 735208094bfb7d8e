"""A genome: any part of any contig, without loading the rest.

Reads FASTA, plain or bgzipped, through pyfaidx. The index (.fai, and .gzi for bgzip) is the one
that samtools writes, and is kept beside the genome. If that folder is not or must not be written,
the index lives in a temporary folder, which is deleted afterwards.
"""

import shutil
import tempfile
import warnings
from pathlib import Path

from seqfuse.bio.reading import file_kinds
from seqfuse.errors import UserError, several

_INDEXES = (".fai", ".gzi")
# Nucleotides read ahead, because most files go along a contig.
_AHEAD = 1 << 16
# Contigs with two names.
_ALIASES = {"chrM": "MT", "MT": "chrM", "M": "chrM", "chrMT": "MT"}


class Genome:
    """The contigs of a FASTA file, in upper case."""

    def __init__(self, path: Path, keep_index: bool = True):
        self.path = path
        _refuse_unreadable(path)
        self._names: dict[str, str | None] = {}
        self._held = ("", 1, "")  # a contig, a position in it, and the nucleotides from there on
        self._faidx = self._opened(keep_index)

    def named(self, contig: str) -> str | None:
        """The genome's name for a contig, with or without `chr`; None if it has no such contig."""
        if contig not in self._names:
            bare = contig.removeprefix("chr")
            names = (contig, bare, f"chr{bare}", _ALIASES.get(contig, contig))
            self._names[contig] = next((n for n in names if n in self._faidx.index), None)
        return self._names[contig]

    def length(self, contig: str) -> int:
        """The length in nt of a contig, by the genome's own name for it."""
        return self._faidx.index[contig].rlen

    def fetch(self, contig: str, start: int, end: int) -> str:
        """The nucleotides `start` to `end` of a contig (from 1, inclusive), cut at its ends."""
        size = self.length(contig)
        start, end = max(1, start), min(end, size)
        if start > end:
            return ""
        name, first, letters = self._held
        if name != contig or not first <= start <= end < first + len(letters):
            first, last = start, min(end + _AHEAD, size)
            letters = self._faidx.fetch(contig, first, last).upper()
            self._held = (contig, first, letters)
        return letters[start - first : end - first + 1]

    def known(self) -> str:
        """A phrase that names the file and its contigs."""
        return f"{self.path} has {several([*self._faidx.index], 60)}"

    def _opened(self, keep: bool):
        places = [Path(f"{self.path}{suffix}") for suffix in _INDEXES]
        packed = self.path.suffix.lower() in file_kinds.GZIPPED
        needed = places if packed else places[:1]
        changed = self.path.stat().st_mtime
        if all(place.is_file() and place.stat().st_mtime >= changed for place in needed):
            return self._indexed(places)
        with tempfile.TemporaryDirectory(prefix="seqfuse-") as folder:
            indexes = [Path(folder) / f"index{suffix}" for suffix in _INDEXES]
            faidx = self._indexed(indexes)
            for index, place in zip(indexes, needed, strict=False) if keep else ():
                try:  # copied beside its place first, so that nobody reads half an index
                    beside = Path(shutil.copy(index, f"{place}.{Path(folder).name}"))
                    beside.replace(place)
                except OSError:
                    break
            return faidx

    def _indexed(self, places: list[Path]):
        import pyfaidx

        fai, gzi = map(str, places)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return pyfaidx.Faidx(
                    str(self.path), indexname=fai, gzi_indexname=gzi, as_raw=True, rebuild=True
                )
        except pyfaidx.UnsupportedCompressionFormat:
            raise UserError(
                f"{self.path}: plain gzip allows no random access; compress it in blocks: gunzip,"
                " then bgzip"
            ) from None
        except (pyfaidx.FastaIndexingError, ValueError, OSError, IndexError) as error:
            reason = " ".join(str(error).replace(str(self.path), "it").split())[:160]
            raise UserError(
                f"{self.path}: the genome cannot be indexed ({reason}); give FASTA with lines of"
                " equal length and unique names"
            ) from None


def _refuse_unreadable(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the genome as FASTA, plain or bgzipped")
    form = file_kinds.suffix_form(path.name) and file_kinds.form(path)
    if form is None:
        raise UserError(
            f"{path}: give the genome as FASTA, plain or bgzipped, with a name that ends in .fa,"
            " .fna or .fasta (and .gz); twoBitToFa converts .2bit"
        )
    if form != "fasta":
        raise UserError(f"{path}: this is {form}, not FASTA; give the genome as FASTA")
