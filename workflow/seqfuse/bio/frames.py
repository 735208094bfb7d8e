"""Codon frames: a coding sequence as DNA, mRNA and protein, codon by codon.

The protein is the frame: stop codons behind the last residue are no residues, so they are left out
of all three views and told by `stop`; a stop inside, or a codon with an N, is residue X. The one or
two nucleotides behind the last whole codon are counted in `tail`: behind a stop they are the
beginning of a UTR, and the stop ends the sequence as it does without them.

The first codon is methionine where it starts translation, whatever it codes for elsewhere.
"""

import numpy as np
import pyarrow as pa

from seqfuse.bio.normalise import flat, strings

# The standard code (NCBI table 1) with the bases in the order T, C, A, G.
_BASES = "TCAG"
_STANDARD = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
# Other codes of NCBI's list, as what differs from the standard one. Tables 27, 28 and 31 are left
# out: what one of their codons means depends on where it stands.
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
# Codons that start translation beside ATG, as NCBI lists them. Of the standard code none counts:
# there they are exceptions, and sequences that begin with CTG or TTG are mostly parts.
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
# The common ones start any sequence. The others also begin many a part of one, so they count only
# where the rest is whole: it ends with a stop and has none inside.
_COMMON = ("GTG", "TTG")
UNKNOWN, STOP, METHIONINE = "X", "*", "M"


def code(table: int) -> dict[str, str]:
    """Codon -> residue (`*` is a stop) of a table of NCBI's list."""
    codons = [a + b + c for a in _BASES for b in _BASES for c in _BASES]
    return dict(zip(codons, _STANDARD, strict=True)) | _DIFFERENCES[table]


def translate(column: pa.Array, table: int = 1) -> pa.Array:
    """One residue a whole codon: `*` for any stop, X for a codon that is not all A, C, G and T."""
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
    """The protein of each sequence: without stops behind the last codon, X for one inside."""
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
    """The `FRAMES` rows of the variants among records. A stop inside is what a variant may make."""
    paired = batch.filter(batch["variant"].is_valid())
    ids = pa.array([variant_id(name) for name in paired["id"].to_pylist()], pa.string())
    return frames(ids, paired["variant"], table)


def variant_id(name: str) -> str:
    """The id of the frames of a record's variant, beside those of its reference."""
    return f"{name} (variant)"


def is_initiator(dna: str, protein: str) -> bool:
    """Whether a frame begins with methionine by another codon than ATG: GTG, say, which is valine
    elsewhere. In some codes ATA is methionine everywhere; as the first codon it counts here, too,
    because no other codon does there what it does."""
    return protein[:1] == METHIONINE and dna[:3] != "ATG"


def _initiated(sequences: list[str], proteins: list[str], table: int) -> list[str]:
    """Proteins, stops included, that begin with methionine where the first codon starts them."""
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
    """The residue of every triple of digits 0-4, where 4 is no base (uint8 letters)."""
    letters = np.full(125, ord(UNKNOWN), np.uint8)
    for codon, residue in code(table).items():
        a, b, c = (_BASES.index(base) for base in codon)
        letters[25 * a + 5 * b + c] = ord(residue)
    return letters


_DIGITS = _digit_table()
