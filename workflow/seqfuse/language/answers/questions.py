"""Questions about DNA in a user's files: FASTA, a table with its own questions, or a VCF."""

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

# The position of a variant: column of a VCF -> name in the answers.
POSITION = {"CHROM": "chrom", "POS": "pos", "REF": "ref", "ALT": "alt"}


@dataclass(frozen=True)
class Questions:
    """The rows of a file, each with its question (None for a row that cannot be used).

    They are read anew at each iteration, so that no file has to fit into memory.
    """

    path: Path
    rows: Iterable[NewSequence]
    prompt: Callable[[NewSequence], Prompt | None]

    def __iter__(self) -> Iterator[tuple[NewSequence, Prompt | None]]:
        return ((row, self.prompt(row)) for row in self.rows)

    def check(self, policy: str) -> "Checked":
        """Report or refuse the rows that cannot be used, before any question is asked."""
        bad, ids, questions = BadRows(), new_sequences.Ids(), hashlib.sha256()
        sound = faulty = 0
        for row, prompt in self:
            ids.add(row.id)
            if prompt is None:
                bad.add(row.place, row.fault)
                faulty += 1
            else:
                _add(questions, prompt)
                sound += 1
        ids.check(self.path, self.rows)
        new_sequences.tell(bad, sound, policy)
        noted = self.rows.reader.noted if isinstance(self.rows, SequenceFile) else {}
        for what, count in noted.items():
            if count:
                say(f"{self.path}: {count:,} {what}")
        return Checked(sound, faulty, questions.hexdigest())


@dataclass(frozen=True)
class Checked:
    """The number of usable rows and of faulty ones, and a hash of all questions."""

    sound: int
    faulty: int
    asked: str


def _add(questions: "hashlib._Hash", prompt: Prompt) -> None:
    """Add a question to the hash; its DNA as plain text, because writing it as JSON is slow."""
    dna = [segment.sequence for segment in prompt.dna]
    fields = [prompt.id, prompt.dataset, prompt.system, prompt.question, prompt.thinks]
    questions.update(canonical_json([*fields, [*map(len, dna)]]).encode())
    questions.update("".join(dna).encode())


def position(row: NewSequence) -> dict[str, str | int | None]:
    """The position of a row in its genome; {} if its file has none."""
    place = {ours: row.cells[name] for name, ours in POSITION.items() if name in row.cells}
    if (place.get("pos") or "").isdecimal():
        place["pos"] = int(place["pos"])
    return place


def read_vcf(vcf: Path, genome: Path | None, window: int, strand: str) -> SequenceFile:
    """One row for each alternative allele: windows of the genome with either allele.

    The id of a row is CHROM:POS:REF>ALT.
    """
    reader = Reader(vcf, genome=genome, window=window, strand=strand)
    if reader.form != "vcf":
        raise UserError(f"{vcf}: this is {reader.form}, not a VCF; give it as --dna")
    return SequenceFile(reader, ("id", "sequence", "variant", *POSITION), {})


def read_dna(
    reference: Path,
    variant: Path | None,
    columns: Mapping[str, str] | None = None,
    genome: Path | None = None,
) -> Iterable[NewSequence]:
    """The rows of a file, with variants from a second file if there is one.

    `columns` maps columns to their names in the file; `genome` is that of a GFF3 file. A variant
    belongs to the reference with the same name; if both files have a single record, the two belong
    together whatever their names. A row without its counterpart cannot be used. With a second file,
    both are held in memory.
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
