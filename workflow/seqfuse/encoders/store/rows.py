"""One stored sequence, and how it is addressed; light, so that embedding needs no Parquet."""

import hashlib
from typing import NamedTuple

import numpy as np

from seqfuse.files import digest

# The layout, in a store's description, of states that several encoders' are made into by codon.
CODONS = "codons"


class Row(NamedTuple):
    """One stored sequence: its hash, its letters counted, states [T, D], spans [T, 2], mean [D]."""

    sequence: bytes
    length: int
    states: np.ndarray
    spans: np.ndarray
    pooled: np.ndarray


def sequence_hash(sequence: str) -> bytes:
    """The 32 bytes under which a sequence is stored: SHA-256 of its letters."""
    return hashlib.sha256(sequence.encode()).digest()


def describe(sequence: str) -> str:
    """How a message names a sequence: the start of its hash, its length and its beginning."""
    begins = sequence[:20] + ("..." if len(sequence) > 20 else "")
    return f"{digest(sequence)[:12]} ({len(sequence)} letters, {begins!r})"
