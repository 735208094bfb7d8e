"""Codon frames: a coding sequence as DNA, mRNA and protein, codon by codon.

The protein is the frame: a stop codon that ends the sequence is no residue, so it is left out of
all three views and told by `stop`; a stop inside, or a codon with an N, is residue X. Nucleotides
behind the last whole codon are counted in `tail`.
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
UNKNOWN, STOP = "X", "*"


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
    """The protein of each sequence: without a stop behind the last codon, X for one inside."""
    return [
        text.removesuffix(STOP).replace(STOP, UNKNOWN)
        for text in translate(column, table).to_pylist()
    ]


def frames(ids: pa.Array, column: pa.Array, table: int = 1) -> pa.RecordBatch:
    """The `FRAMES` rows of a batch of normalised DNA sequences."""
    rows = {name: [] for name in ("dna", "rna", "protein", "codons", "tail")}
    rows |= {name: [] for name in ("start", "stop", "internal_stops")}
    proteins = translate(column, table).to_pylist()
    for dna, protein in zip(column.to_pylist(), proteins, strict=True):
        tail = len(dna) - 3 * len(protein)
        stop = protein.endswith(STOP) and not tail
        protein = protein[:-1] if stop else protein
        whole = dna[: 3 * len(protein)]
        rows["dna"].append(whole)
        rows["rna"].append(whole.replace("T", "U"))
        rows["protein"].append(protein.replace(STOP, UNKNOWN))
        rows["codons"].append(len(protein))
        rows["tail"].append(tail)
        rows["start"].append(dna.startswith("ATG"))
        rows["stop"].append(stop)
        rows["internal_stops"].append(protein.count(STOP))
    return pa.RecordBatch.from_pydict({"id": ids} | rows)


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
