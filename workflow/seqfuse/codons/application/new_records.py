"""New coding sequences from a user's file, framed as by `seqfuse sequences`.

Peculiarities of usable sequences are noted beside their predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse.bio.frames import METHIONINE, frames
from seqfuse.bio.reading import new_sequences
from seqfuse.bio.reading.bad_rows import BadRow, Place
from seqfuse.bio.reading.input_flags import CODING
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.codons.application.training_facts import Facts, distances, root_usage
from seqfuse.codons.inputs.dataset import Dataset

# If at least this share of the training rows begins with a start codon, a row without one is noted.
_BEGIN_ALIKE = 0.9


@dataclass(frozen=True)
class NewRecords:
    """Rows of a file, in order.

    `frames` holds the DNA, mRNA and protein of each ("" for unusable rows), `behind` what follows
    the last codon (a stop, or a part of a codon), and `notes` the peculiarities of usable rows.
    """

    rows: list[NewSequence]
    frames: dict[str, list[str]]
    notes: list[list[str]]
    behind: list[str]

    def usable(self) -> np.ndarray:
        """The numbers of the usable rows, int64."""
        return np.array([i for i, row in enumerate(self.rows) if row.fault is None], np.int64)

    def dataset(self, name: str, rows: np.ndarray, labels: tuple[str, ...]) -> Dataset:
        """Some rows as a dataset for an arm; their targets are placeholders."""
        letters = {view: [texts[row] for row in rows] for view, texts in self.frames.items()}
        return Dataset(
            name,
            [self.rows[row].id for row in rows],
            np.full(len(rows), "new", dtype=object),
            np.array([len(protein) for protein in letters["protein"]], np.int64),
            np.zeros(len(rows), np.int64 if labels else np.float64),
            labels,
            letters,
        )


def synonymous(dna: Sequence[str], protein: str) -> NewRecords:
    """Synonymous DNA sequences of one protein, as records."""
    frames = {"dna": list(dna), "rna": [one.replace("T", "U") for one in dna]}
    count = len(dna)
    frames["protein"] = [protein] * count
    places = (Place("mutants", number, f"mutant {number}", "row") for number in range(count))
    rows = [NewSequence(place, {}) for place in places]
    return NewRecords(rows, frames, [[] for _ in rows], [""] * count)


def read(
    path: Path, columns: Mapping[str, str], genetic_code: int, genome: Path | None = None
) -> NewRecords:
    """The rows of a file; `columns` maps fields to columns of another name, and GFF3 needs its
    `genome`."""
    rows = new_sequences.read(path, CODING, columns, genome)
    for row in rows:
        table = row.cells.get("transl_table")
        if table not in (None, str(genetic_code)):
            what = f"transl_table is {{}}, and the arm was trained with genetic code {genetic_code}"
            row.reject(BadRow(what, table, "leave it out, or train an arm with that code"))
    ids = pa.array([row.id for row in rows], pa.string())
    spelt = ["" if row.fault else row.cells["sequence"] for row in rows]
    framed = frames(ids, pa.array(spelt, pa.string()), genetic_code).to_pydict()
    notes: list[list[str]] = [[] for _ in rows]
    for row, codons in enumerate(framed["codons"]):
        if not codons:
            rows[row].reject(BadRow("shorter than a codon", fix="give a coding sequence"))
        if stops := framed["internal_stops"][row]:
            notes[row].append(f"not coding? {stops} stop{'s' * (stops > 1)} inside")
        if framed["tail"][row]:
            notes[row].append(f"its last {framed['tail'][row]} nt are not a codon and are left out")
        if "N" in framed["dna"][row]:
            notes[row].append(f"{framed['dna'][row].count('N')} nt are unknown (N)")
    views = {view: framed[view] for view in ("dna", "rna", "protein")}
    behind = [s[len(dna) :] for s, dna in zip(spelt, framed["dna"], strict=True)]
    return NewRecords(rows, views, notes, behind)


def compare(records: NewRecords, rows: np.ndarray, facts: Facts, usage: np.ndarray) -> None:
    """Note how rows differ from those that an arm was trained on."""
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
