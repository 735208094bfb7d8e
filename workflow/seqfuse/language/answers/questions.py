"""Questions about DNA from files of one's own: FASTA, a table that may ask each its own, a VCF."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seqfuse.bio.reading import new_sequences
from seqfuse.bio.reading.bad_rows import BadRow, BadRows
from seqfuse.bio.reading.input_flags import ASKED
from seqfuse.bio.reading.new_sequences import NewSequence, SequenceFile
from seqfuse.bio.reading.readers import Reader
from seqfuse.errors import UserError
from seqfuse.files import canonical_json
from seqfuse.language.prompts import Prompt
from seqfuse.progress import say

# Where a variant lies: column of a VCF -> what answers call it.
POSITION = {"CHROM": "chrom", "POS": "pos", "REF": "ref", "ALT": "alt"}


@dataclass(frozen=True)
class Questions:
    """The rows of a file, each with the question about it (None of a row that cannot be used).

    Both are made anew each time that they are gone through, so that no file has to fit into memory.
    """

    path: Path
    rows: Iterable[NewSequence]
    prompt: Callable[[NewSequence], Prompt | None]

    def __iter__(self) -> Iterator[tuple[NewSequence, Prompt | None]]:
        return ((row, self.prompt(row)) for row in self.rows)

    def check(self, policy: str) -> "Checked":
        """Go through all of them: what cannot be asked is named, or refused, before anything is."""
        bad, ids, said = BadRows(), new_sequences.Ids(), hashlib.sha256()
        sound = faulty = 0
        for row, prompt in self:
            ids.add(row.id)
            if prompt is None:
                bad.add(row.place, row.fault)
                faulty += 1
            else:
                _add(said, prompt)
                sound += 1
        ids.check(self.path, self.rows)
        new_sequences.tell(bad, sound, policy)
        noted = self.rows.reader.noted if isinstance(self.rows, SequenceFile) else {}
        for what, count in noted.items():
            if count:
                say(f"{self.path}: {count:,} {what}")
        return Checked(sound, faulty, said.hexdigest())


@dataclass(frozen=True)
class Checked:
    """How many rows can be asked about, how many cannot, and a hash of all that is asked."""

    sound: int
    faulty: int
    asked: str


def _add(said: "hashlib._Hash", prompt: Prompt) -> None:
    """Take up a question; its DNA as it is, because to write megabytes as JSON takes long."""
    dna = [segment.sequence for segment in prompt.dna]
    told = [prompt.id, prompt.dataset, prompt.system, prompt.question, prompt.thinks]
    said.update(canonical_json([*told, [*map(len, dna)]]).encode())
    said.update("".join(dna).encode())


def position(row: NewSequence) -> dict[str, str | int | None]:
    """Where a row lies in its genome; nothing where its file does not say."""
    place = {ours: row.cells[name] for name, ours in POSITION.items() if name in row.cells}
    if (place.get("pos") or "").isdecimal():
        place["pos"] = int(place["pos"])
    return place


def read_vcf(vcf: Path, genome: Path | None, window: int, strand: str) -> SequenceFile:
    """A row an alternative allele: windows of the genome with either allele. The id of each says
    where it lies, CHROM:POS:REF>ALT."""
    reader = Reader(vcf, genome=genome, window=window, strand=strand)
    if reader.form != "vcf":
        raise UserError(f"{vcf}: this is no VCF but {reader.form}; give it as --dna")
    return SequenceFile(reader, ("id", "sequence", "variant", *POSITION), {})


def read_dna(
    reference: Path,
    variant: Path | None,
    columns: Mapping[str, str] | None = None,
    genome: Path | None = None,
) -> Iterable[NewSequence]:
    """The rows of a file, with the variants of a file of their own if there is one; `columns` names
    those that are called otherwise, and GFF3 speaks of a `genome`.

    A variant belongs to the reference of its name; where either file holds one record, the two
    belong together whatever their names. A row without its other half cannot be used. With a file
    of variants, both are in memory.
    """
    if variant is None:
        return new_sequences.of_file(reference, ASKED, columns or {}, genome)
    rows = new_sequences.read(reference, ASKED, columns or {}, genome)
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
