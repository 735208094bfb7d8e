"""The cleaning of sequences, whole Arrow batches at a time, against a row-by-row loop.

Ours ends in Arrow columns, which is what the stage writes; the baseline ends in Python strings.
"""

import hashlib

import numpy as np
import pyarrow as pa

from bench.measure import Setting, alternate, result
from seqfuse.bio.frames import code, translate
from seqfuse.bio.normalise import normalise, sha256

BATCH = 1000


def clean(setting: Setting) -> dict:
    """1 kb each: normalise, check the alphabet, translate, hash; baseline: plain Python a row."""
    sequences = _messy(setting.rows(200_000))
    batches = [pa.array(sequences[i : i + BATCH]) for i in range(0, len(sequences), BATCH)]

    def ours() -> list[tuple[pa.Array, pa.Array, list[str]]]:
        columns = []
        for batch in batches:
            clean = normalise(batch)
            assert not clean.foreign.any()
            columns.append((clean.letters, translate(clean.letters), sha256(clean.letters)))
        return columns

    def baseline() -> list[tuple[str, str, str]]:
        return [_plain(sequence) for sequence in sequences]

    rows = [
        row
        for letters, proteins, hashes in ours()
        for row in zip(letters.to_pylist(), proteins.to_pylist(), hashes, strict=True)
    ]
    assert rows == baseline(), "clean: the rows differ"
    times = alternate(setting, ours, baseline)
    return result("clean", *times, "s", 8, rows=len(sequences), difference=0.0)


MEASURES = [clean]

_CODE = code(1)


def _plain(sequence: str) -> tuple[str, str, str]:
    """One row: its letters, its protein and its hash."""
    letters = "".join(c for c in sequence.upper().replace("U", "T") if c not in " -\n")
    assert all(c in "ACGTN" for c in letters)
    codons = [letters[i : i + 3] for i in range(0, len(letters) - 2, 3)]
    protein = "".join(_CODE.get(codon, "X") for codon in codons)
    return letters, protein, hashlib.sha256(letters.encode()).hexdigest()


def _messy(count: int) -> list[str]:
    """Random sequences of 1000 letters, one in ten in lower case, with U for T or with gaps."""
    letters = np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), (count, 1000))
    rows = [row.tobytes().decode() for row in letters]
    for i in range(0, count, 10):
        rows[i] = (rows[i].lower(), rows[i].replace("T", "U"), f"{rows[i][:500]}-{rows[i][500:]}")[
            i // 10 % 3
        ]
    return rows
