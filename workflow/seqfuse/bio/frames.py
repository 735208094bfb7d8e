"""Codon frames: a coding sequence as DNA, mRNA and protein, codon by codon.

The protein is the frame. Stop codons after the last residue are left out of all three views and
recorded as `stop`; an internal stop, or a codon with an N, becomes residue X. One or two
nucleotides after the last whole codon are counted in `tail`; a stop before them still counts as the
end of the coding sequence, because they are then the beginning of a UTR.

A codon that starts translation is methionine, whatever it codes for elsewhere.
"""

import numpy as np
import pyarrow as pa

from seqfuse.bio.normalise import flat, strings

# The standard code (NCBI table 1) with the bases in the order T, C, A, G.
_BASES = "TCAG"
_STANDARD = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
# NCBI's other codes, as differences from the standard one. Tables 27, 28 and 31 are left out
# because the meaning of one of their codons depends on its position.
_DIFFERENCES = {
    1: {},
    2: {"AGA": "*", "AGG": "*", "ATA": "M", "TGA": "W"},  # vertebrate mitochondria
    3: {"ATA": "M", "CTT": "T", "CTC": "T", "CTA": "T", "CTG": "T", "TGA": "W"},  # yeast mito.
    4: {"TGA": "W"},  # mould, protozoan mitochondria; mycoplasma
    5: {"AGA": "S", "AGG": "S", "ATA": "M", "TGA": "W"},  # invertebrate mitochondria
    6: {"TAA": "Q", "TAG": "Q"},  # ciliates
    9: {"AAA": "N", "AGA": "S", "AGG": "S", "TGA": "W"},  # echinoderm, flatworm mitochondria
    10: {"TGA": "C"},  # euplotids
    11: {},  # bacteria and plastids: other starts, the same residues
    12: {"CTG": "S"},  # alternative yeast
    13: {"AGA": "G", "AGG": "G", "ATA": "M", "TGA": "W"},  # ascidian mitochondria
    14: {"AAA": "N", "AGA": "S", "AGG": "S", "TAA": "Y", "TGA": "W"},  # flatworm mito., other
    15: {"TAG": "Q"},  # Blepharisma
    16: {"TAG": "L"},  # chlorophycean mitochondria
    21: {"AAA": "N", "AGA": "S", "AGG": "S", "ATA": "M", "TGA": "W"},  # trematode mitochondria
    22: {"TAG": "L", "TCA": "*"},  # Scenedesmus obliquus mitochondria
    23: {"TTA": "*"},  # Thraustochytrium mitochondria
    24: {"AGA": "S", "AGG": "K", "TGA": "W"},  # Rhabdopleuridae mitochondria
    25: {"TGA": "G"},  # candidate division SR1, Gracilibacteria
    26: {"CTG": "A"},  # Pachysolen tannophilus
    29: {"TAA": "Y", "TAG": "Y"},  # Mesodinium
    30: {"TAA": "E", "TAG": "E"},  # peritrichs
    32: {"TAG": "W"},  # Balanophoraceae plastids
    33: {"AGA": "S", "AGG": "K", "TAA": "Y", "TGA": "W"},  # Cephalodiscidae mitochondria
}
TABLES = (*_DIFFERENCES,)
# Codons other than ATG that start translation, as NCBI lists them. The standard code has none here:
# its other start codons are rare, and sequences that begin with CTG or TTG are mostly fragments.
_INITIATORS = {
    2: "ATT ATC ATA GTG",
    3: "ATA GTG",
    4: "TTA TTG CTG ATT ATC ATA GTG",
    5: "TTG ATT ATC ATA GTG",
    9: "GTG",
    11: "TTG CTG ATT ATC ATA GTG",
    12: "CTG",
    13: "TTG ATA GTG",
    21: "GTG",
    23: "ATT GTG",
    24: "TTG CTG GTG",
    25: "TTG GTG",
    26: "CTG",
    32: "TTG CTG ATT ATC ATA GTG",
    33: "TTG CTG GTG",
}
# The common ones count in any sequence. The others also begin many fragments, so they count only if
# the sequence is complete: it ends with a stop and has none inside.
_COMMON = ("GTG", "TTG")
UNKNOWN, STOP, METHIONINE = "X", "*", "M"


def code(table: int) -> dict[str, str]:
    """Codon -> residue (`*` is a stop) for an NCBI translation table."""
    codons = [a + b + c for a in _BASES for b in _BASES for c in _BASES]
    return dict(zip(codons, _STANDARD, strict=True)) | _DIFFERENCES[table]


def translate(column: pa.Array, table: int = 1) -> pa.Array:
    """One residue for each whole codon: `*` for a stop, X if a letter is not A, C, G or T."""
    data, offsets = flat(column)
    counts = np.diff(offsets) // 3
    ends = np.concatenate([[0], np.cumsum(counts)])
    if (np.diff(offsets) % 3).any():
        rows = np.repeat(np.arange(len(counts)), np.diff(offsets))
        place = np.arange(len(data)) - offsets[rows]
        data = data[place < 3 * counts[rows]]
    digits = np.frombuffer(data.tobytes().translate(_DIGITS), np.uint8).reshape(-1, 3)
    index = digits[:, 0].astype(np.uint8) * 25 + digits[:, 1] * 5 + digits[:, 2]
    return strings(_residues(table)[index], ends, column)


def proteins(column: pa.Array, table: int = 1) -> list[str]:
    """The protein of each sequence, without final stops and with X for internal ones."""
    return [
        text.rstrip(STOP).replace(STOP, UNKNOWN)
        for text in _initiated(column.to_pylist(), translate(column, table).to_pylist(), table)
    ]


def frames(ids: pa.Array, column: pa.Array, table: int = 1) -> pa.RecordBatch:
    """The `FRAMES` rows of a batch of normalised DNA sequences."""
    rows = {name: [] for name in ("dna", "rna", "protein", "codons", "tail")}
    rows |= {name: [] for name in ("start", "stop", "internal_stops")}
    starts = ("ATG", *_INITIATORS.get(table, "").split())
    sequences = column.to_pylist()
    proteins = _initiated(sequences, translate(column, table).to_pylist(), table)
    for dna, protein in zip(sequences, proteins, strict=True):
        tail = len(dna) - 3 * len(protein)
        stop = protein.endswith(STOP)
        protein = protein.rstrip(STOP)
        whole = dna[: 3 * len(protein)]
        rows["dna"].append(whole)
        rows["rna"].append(whole.replace("T", "U"))
        rows["protein"].append(protein.replace(STOP, UNKNOWN))
        rows["codons"].append(len(protein))
        rows["tail"].append(tail)
        rows["start"].append(protein.startswith(METHIONINE) and dna[:3] in starts)
        rows["stop"].append(stop)
        rows["internal_stops"].append(protein.count(STOP))
    return pa.RecordBatch.from_pydict({"id": ids} | rows)


def of_variants(batch: pa.RecordBatch, table: int = 1) -> pa.RecordBatch:
    """The `FRAMES` rows of the records' variants, which may introduce an internal stop."""
    paired = batch.filter(batch["variant"].is_valid())
    ids = pa.array([variant_id(name) for name in paired["id"].to_pylist()], pa.string())
    return frames(ids, paired["variant"], table)


def variant_id(name: str) -> str:
    """The id of the frame of a record's variant; that of its reference has the record's id."""
    return f"{name} (variant)"


def is_initiator(dna: str, protein: str) -> bool:
    """Whether a frame begins with methionine from a codon other than ATG, such as GTG (valine
    elsewhere). ATA at the start counts too, even in codes where it is methionine everywhere,
    because no other codon could replace it there."""
    return protein[:1] == METHIONINE and dna[:3] != "ATG"


def _initiated(sequences: list[str], proteins: list[str], table: int) -> list[str]:
    """The proteins (stops included) with methionine as residue 1 if the first codon is a start."""
    initiators = _INITIATORS.get(table, "").split()
    if not initiators:
        return proteins

    def starts(dna: str, protein: str) -> bool:
        whole = protein.endswith(STOP) and STOP not in protein.rstrip(STOP)
        return dna[:3] in initiators and (dna[:3] in _COMMON or whole)

    return [
        METHIONINE + protein[1:] if starts(dna, protein) else protein
        for dna, protein in zip(sequences, proteins, strict=True)
    ]


def _digit_table() -> bytes:
    table = bytearray([4] * 256)
    for digit, base in enumerate(_BASES):
        table[ord(base)] = digit
    return bytes(table)


def _residues(table: int) -> np.ndarray:
    """The residue (uint8 letter) of every triple of digits 0-4, where 4 stands for no base."""
    letters = np.full(125, ord(UNKNOWN), np.uint8)
    for codon, residue in code(table).items():
        a, b, c = (_BASES.index(base) for base in codon)
        letters[25 * a + 5 * b + c] = ord(residue)
    return letters


_DIGITS = _digit_table()
