"""New coding sequences from a file of one's own: FASTA, or a table with a column of sequences.

They are spelled and framed as `seqfuse sequences` does it. Nothing is lost: a row that cannot be
used stays, with its reason, and what is odd about one that can is noted beside its prediction.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.bio.frames import METHIONINE, frames
from seqfuse.bio.normalise import first_foreign, normalise
from seqfuse.bio.reading.readers import Reader
from seqfuse.codons.application.training_facts import Facts, distances, root_usage
from seqfuse.codons.dataset import Dataset
from seqfuse.errors import UserError, nearest

FIELDS = ("id", "sequence", "cds_start", "cds_end")
# Where at least such a share of the training rows has a start codon, one without is noted.
_BEGIN_ALIKE = 0.9


@dataclass(frozen=True)
class NewRecords:
    """Rows of a file, in order.

    `frames` holds DNA, mRNA and protein of each, "" where there are none, and `behind` what follows
    the last codon (a stop, or a part of a codon). `refused` has the reason of each row that cannot
    be used, `notes` what is odd about others.
    """

    ids: list[str]
    frames: dict[str, list[str]]
    refused: dict[int, str]
    notes: list[list[str]]
    behind: list[str]

    def usable(self) -> np.ndarray:
        """The numbers of the rows that are not refused."""
        return np.array([row for row in range(len(self.ids)) if row not in self.refused], np.int64)

    def dataset(self, name: str, rows: np.ndarray, labels: tuple[str, ...]) -> Dataset:
        """Some rows as an arm sees a set; their targets are not known."""
        letters = {view: [found[row] for row in rows] for view, found in self.frames.items()}
        return Dataset(
            name,
            [self.ids[row] for row in rows],
            np.full(len(rows), "new", dtype=object),
            np.array([len(protein) for protein in letters["protein"]], np.int64),
            np.zeros(len(rows), np.int64 if labels else np.float64),
            labels,
            letters,
        )


def synonymous(dna: Sequence[str], protein: str) -> NewRecords:
    """Sequences of one protein, as records of their own."""
    frames = {"dna": list(dna), "rna": [one.replace("T", "U") for one in dna]}
    count = len(dna)
    frames["protein"] = [protein] * count
    ids = [f"mutant {number}" for number in range(count)]
    return NewRecords(ids, frames, {}, [[] for _ in ids], [""] * count)


def read(path: Path, columns: Mapping[str, str], genetic_code: int) -> NewRecords:
    """The rows of a file; `columns` names those of a table that are called otherwise."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    reader = Reader(path)
    place = _places(path, reader.columns(), columns)
    ids, spelt, refused = [], [], {}
    for row, cells in enumerate(reader.rows(list(place.values()))):
        name = str(cells[place["id"]] or "") if "id" in place else f"row-{row + 1}"
        sequence = cells[place["sequence"]]
        ends = [cells[place[end]] if end in place else None for end in FIELDS[2:]]
        if not name:
            raise UserError(f"{path}: row {row + 1} has no id; give each row one")
        part = _coding_part("" if sequence is None else str(sequence), *ends)
        found = normalise(pa.array([part or ""], pa.string()))
        ids.append(name)
        spelt.append(found.letters[0].as_py() or "")
        if part is None:
            refused[row] = f"cds_start..cds_end is {ends[0]}..{ends[1]}, which is no part of it"
        elif found.foreign[0]:
            refused[row] = f"{first_foreign(part)!r} is no nucleotide code"
        elif not found.known[0]:
            refused[row] = "no A, C, G or T"
    if not ids:
        raise UserError(f"{path}: there is no row; give a file with sequences")
    name, times = Counter(ids).most_common(1)[0]
    if times > 1:
        raise UserError(f"{path}: {times} rows are called {name!r}; give each its own id")
    return _framed(ids, spelt, refused, genetic_code)


def _coding_part(sequence: str, start: object, end: object) -> str | None:
    """What lies from `start` to `end`, nucleotides counted from 1, or None where nothing does."""
    letters = "".join(sequence.split())
    try:
        first = int(str(start)) if start else 1
        last = int(str(end)) if end else len(letters)
    except ValueError:
        return None
    whole = start is end is None
    return letters[first - 1 : last] if whole or 1 <= first <= last <= len(letters) else None


def _places(path: Path, header: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that the file has; an id is made up where it has none."""
    for field, column in columns.items():
        if field not in FIELDS:
            raise UserError(f"--columns: there is no field {field!r}; known: {', '.join(FIELDS)}")
        if column not in header:
            raise UserError(f"{path}: no column {column!r}{nearest(column, header)}")
    place = {field: field for field in FIELDS if field in header} | dict(columns)
    if "sequence" not in place:
        other = next((name for name in header if name != "id"), "cds")
        raise UserError(
            f"{path}: no column 'sequence' among {', '.join(header)}; say which it is, as in"
            f" `--columns sequence={other}`"
        )
    return place


def _framed(
    ids: list[str], spelt: list[str], refused: dict[int, str], genetic_code: int
) -> NewRecords:
    found = frames(pa.array(ids, pa.string()), pa.array(spelt, pa.string()), genetic_code)
    framed = {name: found[name].to_pylist() for name in found.schema.names}
    notes: list[list[str]] = [[] for _ in ids]
    for row, count in enumerate(framed["codons"]):
        if row not in refused and not count:
            refused[row] = "shorter than a codon"
        if framed["internal_stops"][row]:
            stops = framed["internal_stops"][row]
            notes[row].append(f"not coding? {stops} stop{'s' * (stops > 1)} inside")
        if framed["tail"][row]:
            notes[row].append(f"its last {framed['tail'][row]} nt are in no codon and are left out")
        if "N" in framed["dna"][row]:
            notes[row].append(f"{framed['dna'][row].count('N')} nt are not known (N)")
    views = {view: framed[view] for view in ("dna", "rna", "protein")}
    behind = [s[len(dna) :] for s, dna in zip(spelt, framed["dna"], strict=True)]
    return NewRecords(ids, views, refused, notes, behind)


def compare(records: NewRecords, rows: np.ndarray, facts: Facts, usage: np.ndarray) -> None:
    """Note what sets some rows apart from those that an arm was trained on."""
    dna = [records.frames["dna"][row] for row in rows]
    far = distances(root_usage(dna), usage) if len(rows) else []
    low, high = facts.codons
    for row, sequence, distance in zip(rows.tolist(), dna, far, strict=True):
        notes, codons = records.notes[row], len(sequence) // 3
        begins = records.frames["protein"][row].startswith(METHIONINE)
        if facts.starts >= _BEGIN_ALIKE and not begins:
            notes.append("does not begin with a start codon, as the training sequences do")
        if not low <= codons <= high:
            notes.append(f"{codons} codons; the training sequences have {low} to {high}")
        if distance > facts.usual_distance:
            notes.append("its codon usage is unlike that of any training sequence")
